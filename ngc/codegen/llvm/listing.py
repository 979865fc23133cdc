"""The code of a lowered graph as text: every kernel once, as LLVM IR or as assembly, headed by the nodes that it serves."""

from collections.abc import Sequence

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.build import module_text, program_source
from ngc.codegen.llvm.choice import CostModel
from ngc.codegen.llvm.lower import lower
from ngc.codegen.program import CallInfo
from ngc.ir import Graph
from ngc.target import CpuTarget

ENDINGS = {"llvm": ".ll", "asm": ".s"}
"""Of files, by form."""

_COMMENTS = {"x86_64": "#", "aarch64": "//"}
"""What begins a comment in assembly."""


def kernel_listing(graph: Graph, target: CpuTarget, form: str, *, numerics: str = "fast") -> dict[str, str]:
    """Returns the text of every kernel, in the order of the first calls, then that of the entry, by file name.

    Args:
        graph: lowered, with data in its constants.
        target: what code is generated for.
        form: "llvm" or "asm".
        numerics: as of `ngc.compile`.

    Raises:
        CodegenError: operators without kernels, all of them listed.
    """
    source = program_source(lower(graph, target, chooser=CostModel(target, numerics)), target)
    mark = ";" if form == "llvm" else _COMMENTS[target.arch]
    listed = {}
    for symbol, text in source.texts.items():
        module = module_text(text, target)
        body = module if form == "llvm" else jit.compile_assembly(module, target.cpu, target.features)
        served = [call for call in source.calls if call.symbol == symbol]
        head = _header(symbol, served) if symbol != source.entry else [f"{symbol}: calls the {len(source.calls)} kernel calls of {graph.name} in order"]
        listed[symbol + ENDINGS[form]] = "".join(f"{mark} {line}\n" for line in head) + body.rstrip("\n") + "\n\n"
    return listed


def _header(symbol: str, served: Sequence[CallInfo]) -> list[str]:
    """Returns the lines that say whom a kernel serves."""
    lines = [f"{symbol} serves {len(served)} call{'s' * (len(served) > 1)}"]
    for call in served:
        lines.append(f"  {call.op} %{call.node}" + (f" from {', '.join(call.sources)}" if call.sources else "") + (f"  [{call.note}]" if call.note else ""))
    return lines
