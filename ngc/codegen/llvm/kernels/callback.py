"""A kernel that is no code: the program calls back into Python, to an engine, or to numpy where a model asked for `fallback="reference"`."""

from dataclasses import dataclass

from ngc.codegen.llvm.calls import Argument, Call
from ngc.codegen.llvm.kernel import KernelSpec
from ngc.errors import CodegenError
from ngc.ir import Node, SymDim
from ngc.ir.tensor_type import DTYPES
from ngc.target import CpuTarget


@dataclass(frozen=True)
class CallbackKernel(KernelSpec):
    """The call of a node that Python executes. Its address is the runtime's matter; it is imported, never emitted."""

    node: str  # where it stands and its name, which only together are its own

    @property
    def work(self) -> tuple[int, int]:
        """One item, so that exactly one thread runs it."""
        return 0, 1

    def emit(self, target: CpuTarget) -> str:
        """Raises CodegenError: there is nothing to compile."""
        raise CodegenError(f"%{self.node} runs in Python and has no code")


def reference_call(node: Node, reason: str, scope: str = "") -> Call:
    """Returns the call that evaluates a node in numpy.

    Raises:
        CodegenError: numpy has no array for one of its types.
    """
    for value in (*node.inputs, *node.outputs):
        if value.type.dtype not in DTYPES or value.type.quant is not None:
            other = "; precision=\"fp32\" has" if value.type.dtype == "bf16" else ""
            raise CodegenError(f"{reason}; fallback=\"reference\" has no numpy array for {value.type}{other}")
    return _callback(node, f"in numpy: {reason}", scope)


def engine_call(node: Node, scope: str = "") -> Call:
    """Returns the call of an engine.

    Raises:
        CodegenError: numpy has no array for what the engine takes or returns.
    """
    for value in (*node.inputs, *node.outputs):
        if value.type.dtype not in DTYPES:
            raise CodegenError(f"engines take and return numpy arrays, and there is none for %{value.name}: {value.type}")
    return _callback(node, f"{node.regions[0].name} on {node.attrs['engine']}", scope)


def _callback(node: Node, note: str, scope: str) -> Call:
    """Returns a call with the node's operands that are no constants, then its results."""
    reads = [value for value in node.inputs if not value.is_const]
    arguments: list[Argument] = [*reads, *node.outputs]
    grows = any(isinstance(dim, SymDim) for value in (*reads, *node.outputs) for dim in value.type.shape)
    return Call(CallbackKernel(scope + node.name), arguments, reads, list(node.outputs), SymDim(1) if grows else 1, node, note=note)
