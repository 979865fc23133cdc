"""Lowers to kernels: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.codegen.llvm.calls import Argument, Call
from ngc.codegen.llvm.kernel import Geometry, KernelSpec
from ngc.codegen.llvm.kernels import resample
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import planes
from ngc.ir import Node


def _size(place: Geometry) -> tuple[int, int]:
    return place.spatial[1:]


def _image_call(lowering: Lowering, node: Node, spec: KernelSpec, *tables: Argument) -> None:
    """Adds the call of a kernel that makes one image of another, read through tables."""
    x = node.inputs[0]
    reads = [] if x.is_const else [x]
    lowering.call(Call(spec, [lowering.argument(x), *tables, node.output], reads, [node.output], node.type.shape[0], node))


def _resize(lowering: Lowering, node: Node) -> None:
    x, y = planes(lowering, node.inputs[0]), planes(lowering, node.output)
    tables = resample.resize_tables(_size(x), _size(y), node.attrs["coordinates"], x.dtype)
    _image_call(lowering, node, resample.resize(x, y), *map(lowering.blob.add, tables))


def _adaptive_avg_pool(lowering: Lowering, node: Node) -> None:
    x, y = planes(lowering, node.inputs[0]), planes(lowering, node.output)
    _image_call(lowering, node, resample.adaptive_average(x, y), lowering.blob.add(resample.adaptive_table(_size(x), _size(y))))


HANDLERS: dict[str, Handler] = {"resize": _resize, "adaptive_avg_pool": _adaptive_avg_pool}
