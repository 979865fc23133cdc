"""Lowers what is element-wise, reducing or data-moving."""

from ngc.codegen.llvm.calls import Call, geometry, spatial_of, static
from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.reorder import ReorderKernel
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.errors import CodegenError
from ngc.ir import Node, TensorType


def planes(type: TensorType) -> Geometry:
    """Returns a tensor's geometry, a plain one as blocks of one channel."""
    if not type.layout.is_plain:
        return geometry(type)
    if not 2 <= type.rank <= 5:
        raise CodegenError(f"a tensor of rank {type.rank} has no channels to block")
    return Geometry(static(type.shape[1]), 1, spatial_of([static(dim) for dim in type.shape[2:]]), dtype=type.dtype)


def _reorder(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    spec = ReorderKernel(planes(x.type), planes(node.type))
    lowering.call(Call(spec, [lowering.argument(x), node.output], [] if x.is_const else [x], [node.output], node.type.shape[0], node))


HANDLERS: dict[str, Handler] = {"reorder": _reorder}
