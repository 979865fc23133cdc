"""Lowers to kernels: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.codegen.llvm.calls import Argument, Call
from ngc.codegen.llvm.kernel import Geometry, KernelSpec
from ngc.codegen.llvm.kernels import resample, sampling
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import extents, node_call, plain_call, planes
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


def _grid_sample(lowering: Lowering, node: Node) -> None:
    spec = sampling.grid_sample(planes(lowering, node.inputs[0]), planes(lowering, node.output))
    node_call(lowering, spec, node, node.type.shape[0], node.inputs)


def _deformable_columns(lowering: Lowering, node: Node) -> None:
    attrs = node.attrs
    window = sampling.Window(*(attrs[key] for key in ("kernel", "stride", "pad", "dilate", "groups", "offset_groups")))
    x, y = planes(lowering, node.inputs[0]), planes(lowering, node.output)
    spec = sampling.deformable_columns(x, y, window, masked=len(node.inputs) > 2)
    node_call(lowering, spec, node, node.type.shape[0], node.inputs)


def _correlation(lowering: Lowering, node: Node) -> None:
    x, attrs = node.inputs[0].type, node.attrs
    spec = sampling.correlation(extents(x.shape), extents(node.type.shape), attrs["kernel"], attrs["max_displacement"], attrs["stride"], attrs["step"],
                                attrs["multiply"], x.dtype)
    plain_call(lowering, spec, node, *node.inputs)


HANDLERS: dict[str, Handler] = {
    "resize": _resize, "adaptive_avg_pool": _adaptive_avg_pool, "grid_sample": _grid_sample, "deformable_columns": _deformable_columns,
    "correlation": _correlation,
}
