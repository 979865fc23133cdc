"""Lowers operators on sequences of different lengths."""

from ngc.codegen.llvm.kernels import gathers
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_indexing import stored_scalar
from ngc.codegen.llvm.lower_moves import extents, plain_call
from ngc.ir import Node


def _sequence_mask(lowering: Lowering, node: Node) -> None:
    x, lengths = node.inputs
    value = stored_scalar(node.attrs["value"], x.type.dtype)
    spec = gathers.sequence_mask(extents(x.type.shape), node.attrs["axis"], value, x.type.dtype, lengths.type.dtype)
    plain_call(lowering, spec, node, x, lengths, inplace=(x,))


HANDLERS: dict[str, Handler] = {"sequence_mask": _sequence_mask}
