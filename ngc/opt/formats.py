"""What ngc-opt writes a graph as: `--emit`. A new format is a line in one of the three tables."""

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ngc.errors import InputError

if TYPE_CHECKING:  # the command line is read before numpy is
    from ngc.ir import Graph
    from ngc.visualize import Diagram


def _ngir(graph: "Graph", options: Namespace) -> str:
    from ngc.ir import print_graph

    return print_graph(graph, locations=options.print_locations, elide_larger_than=options.elide_larger_than) + "\n"


def _generic(graph: "Graph", options: Namespace) -> str:
    from ngc.ir import print_graph

    return print_graph(graph, locations=options.print_locations, elide_larger_than=options.elide_larger_than, generic=True) + "\n"


def _stablehlo(graph: "Graph", options: Namespace) -> str:
    from ngc.codegen.stablehlo import emit_stablehlo  # only this format needs it

    return emit_stablehlo(graph).text


def _diagram(graph: "Graph", options: Namespace) -> "Diagram":
    from ngc.visualize import graph_diagram  # only pictures need it

    cut = {} if options.elide_larger_than is None else {"elide_larger_than": options.elide_larger_than}
    return graph_diagram(graph, locations=options.print_locations, **cut)


def _dot(graph: "Graph", options: Namespace) -> str:
    from ngc.visualize import dot_text

    return dot_text(_diagram(graph, options))


def _svg(graph: "Graph", options: Namespace) -> str:
    from ngc.visualize import svg_text

    return svg_text(_diagram(graph, options))


def _html(graph: "Graph", options: Namespace) -> str:
    from ngc.visualize import html_page

    diagram = _diagram(graph, options)
    return html_page(diagram.title, [diagram])


def _netron(graph: "Graph", options: Namespace) -> str:
    from ngc.visualize import netron_json

    return netron_json(graph, elide_larger_than=options.elide_larger_than)


def _stats(graph: "Graph", options: Namespace) -> str:
    from ngc.opt.stats import graph_stats  # only this format needs it

    found = graph_stats(graph)
    return (found.to_json() if options.json else found.table()) + "\n"


def _onnx(graph: "Graph", path: str) -> None:
    from ngc.codegen.onnx import save_onnx  # only this format needs it

    save_onnx(graph, path)


def _kernels(form: str) -> "Callable[[Graph, Namespace], dict[str, str]]":
    def write(graph: "Graph", options: Namespace) -> dict[str, str]:
        if graph.stage != "lowered":
            raise InputError(f"--emit {form} shows the kernels of a lowered graph; this one is in stage {graph.stage}: "
                             "run the passes up to assign-layout, with -p @cpu-fp32 or --compile-to lowered")
        from ngc.codegen.llvm.listing import kernel_listing  # only these formats need LLVM
        from ngc.opt.pipelines import cpu_target

        return kernel_listing(graph, cpu_target(options), form, numerics=options.numerics)

    return write


TEXTS: Mapping[str, Callable[["Graph", Namespace], str]] = {
    "ngir": _ngir, "generic": _generic, "dot": _dot, "svg": _svg, "html": _html, "netron": _netron, "stats": _stats, "stablehlo": _stablehlo,
}
"""Formats that are one text: functions that return it."""

MODULES: Mapping[str, Callable[["Graph", Namespace], dict[str, str]]] = {"llvm": _kernels("llvm"), "asm": _kernels("asm")}
"""Formats that are many texts: functions that return them by file name. They go into a folder, or one after the other into one text."""

FILES: Mapping[str, Callable[["Graph", str], None]] = {"onnx": _onnx}
"""Formats that are files with the weights in them: functions that write one."""

FORMATS = (*TEXTS, *MODULES, *FILES)
"""All formats, the default first."""

NEED_DATA = frozenset({*MODULES, *FILES})
"""Formats that need the data of constants; random data stands in for what is missing."""


def check_output(options: Namespace) -> None:
    """Raises InputError where a format that is no text has no file to go to, or a text would go to a folder."""
    if options.emit in FILES and options.output in (None, "-"):
        raise InputError(f"--emit {options.emit} writes a file with the weights in it, not text; name the file with -o")
    if is_folder(options.output) and options.emit not in MODULES:
        raise InputError(f"-o {options.output} is a folder; only --emit {' and '.join(MODULES)} write several files")


def is_folder(output: str | None) -> bool:
    """Whether -o names a folder: one that is there, or a name with a slash at its end."""
    return output is not None and (output.endswith(("/", os.sep)) or os.path.isdir(output))
