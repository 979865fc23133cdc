"""Lowers what compares elements along an axis."""

from ngc.codegen.llvm.calls import Call, Scratch
from ngc.codegen.llvm.calls import static as fixed
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.topk import TopkKernel
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import batch_of, extents, plain_call
from ngc.ir import Node
from ngc.ir.tensor_type import product


def _topk(lowering: Lowering, node: Node) -> None:
    x, attrs, axis = node.inputs[0], node.attrs, node.attrs["axis"]
    rows = nests.product(extents(x.type.shape[:axis]))
    inner = fixed(product(x.type.shape[axis + 1:]))
    spec = TopkKernel(rows, fixed(x.type.shape[axis]), inner, attrs["k"], attrs["largest"], x.type.dtype)
    arguments = [lowering.argument(x), *node.outputs, Scratch(spec.scratch_bytes)]
    lowering.call(Call(spec, arguments, [] if x.is_const else [x], list(node.outputs), batch_of(x), node))


def _arg(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    plain_call(lowering, nests.arg_reduction(extents(x.type.shape), node.attrs["axis"], node.op, x.type.dtype, "i32"), node, x)


HANDLERS: dict[str, Handler] = {"topk": _topk, "argmax": _arg, "argmin": _arg}
