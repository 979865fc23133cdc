"""Lowers what moves data: reorders, concats, slices, transposes, pads, upsampling, broadcasts, copies."""

from collections.abc import Sequence
from dataclasses import replace

from ngc.codegen.llvm.calls import Argument, Call, buffer_size, spatial_of, static
from ngc.codegen.llvm.kernel import Geometry, KernelSpec
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.copy import CopyKernel
from ngc.codegen.llvm.kernels.expression import Extent, N
from ngc.codegen.llvm.kernels.nest_loops import plus
from ngc.codegen.llvm.kernels.reorder import ReorderKernel
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.slices import Slice, computed_as, is_blocked_concat, is_contiguous_concat, part_size
from ngc.errors import CodegenError
from ngc.ir import Dim, Node, Shape, SymDim, Value
from ngc.ir.ops.shape import pad_widths, slices


def extents(shape: Shape) -> nests.Shape:
    """Returns a shape as loop nests write it."""
    return tuple(N(dim.factor) if isinstance(dim, SymDim) else dim for dim in shape)


def batch_of(*values: Value) -> Dim:
    """Returns the batch that a nest over plain tensors is called with: N where a shape depends on it."""
    return SymDim() if any(isinstance(dim, SymDim) for value in values for dim in value.type.shape) else 1


def node_call(lowering: Lowering, spec: KernelSpec, node: Node, batch: Dim, inputs: Sequence[Value], *scratch: Argument,
              inplace: tuple[Value, ...] = ()) -> None:
    """Adds the call of a kernel whose arguments are operands, the node's results, then scratch memory.

    Args:
        batch: what the kernel's N stands for: `batch_of` the values where shapes in the kernel have factors of N themselves, the number of images or
            matrices where the kernel counts these.
        inputs: the operands that the kernel reads; constants among them are no reads.
        scratch: further arguments.
        inplace: operands whose memory the result may take.
    """
    arguments = [*(lowering.argument(value) for value in inputs), *node.outputs, *scratch]
    reads = [value for value in inputs if not value.is_const]
    lowering.call(Call(spec, arguments, reads, list(node.outputs), batch, node, inplace=inplace))


def plain_call(lowering: Lowering, spec: KernelSpec, node: Node, *inputs: Value, inplace: tuple[Value, ...] = ()) -> None:
    """Adds the call of a nest over plain tensors: inputs, then the node's results."""
    node_call(lowering, spec, node, batch_of(*inputs, *node.outputs), inputs, inplace=inplace)


def copy_call(lowering: Lowering, source: Value, target: Value, node: Node) -> Call:
    """Returns the call that copies all bytes of a value to where another of the same type lies."""
    size, per_image = buffer_size(source.type)
    reads = [] if source.is_const else [source]
    return Call(CopyKernel(size, per_image), [lowering.argument(source), target], reads, [target], SymDim() if per_image else 1, node)


def planes(lowering: Lowering, value: Value) -> Geometry:
    """Returns a tensor's geometry, a plain one as blocks of one channel."""
    type = value.type
    if not type.layout.is_plain:
        return lowering.place(value)
    if not 2 <= type.rank <= 5:
        raise CodegenError(f"a tensor of rank {type.rank} has no channels to block")
    return Geometry(static(type.shape[1]), 1, spatial_of([static(dim) for dim in type.shape[2:]]), dtype=type.dtype)


def _reorder(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    spec = ReorderKernel(planes(lowering, x), planes(lowering, node.output))
    lowering.call(Call(spec, [lowering.argument(x), node.output], [] if x.is_const else [x], [node.output], node.type.shape[0], node))


def _concat(lowering: Lowering, node: Node) -> None:
    (_blocked_concat if is_blocked_concat(node) else _plain_concat)(lowering, node)


def _blocked_concat(lowering: Lowering, node: Node) -> None:
    """Parts that were computed in place cost nothing; the others are copied into their slice."""
    joined, root = lowering.place(node.output), lowering.root(node.output)
    offset, calls = lowering.offset(node.output), []
    for value in node.inputs:
        part = lowering.place(value) if not value.is_const else lowering.step_place(value, node.type)
        if part is None:
            raise CodegenError(f"%{value.name} of a blocked concat is not blocked")
        if lowering.slices.get(value) != Slice(root, offset):
            target = Value(f"{node.name}.{value.name}", value.type)
            lowering.slices[target] = Slice(root, offset)
            spec = ReorderKernel(part, replace(joined, channels=part.channels, image_stride=joined.stride_n))
            argument = lowering.tensor_constant(value, part) if value.is_const else value
            calls.append(Call(spec, [argument, target], [] if value.is_const else [value], [target], node.type.shape[0], node))
        offset += part.blocks * joined.block_stride
    if calls:
        lowering.call(*calls)


def _plain_concat(lowering: Lowering, node: Node) -> None:
    """Parts that were computed in place cost nothing here too."""
    axis, out = node.attrs["axis"], node.type
    root, offset = lowering.root(node.output), lowering.offset(node.output)
    calls: list[Call] = []
    start: Extent = 0
    for value in node.inputs:
        shape = extents(value.type.shape)
        if is_contiguous_concat(node):
            place = Slice(root, offset)
            offset += part_size(value, node)
            if lowering.slices.get(computed_as(value)) == place:
                start = plus(start, shape[axis])
                continue
        spec = nests.concat_part(shape, extents(out.shape), axis, start, out.dtype)
        reads = [] if value.is_const else [value]
        calls.append(Call(spec, [lowering.argument(value), node.output], reads, [node.output], batch_of(node.output), node))
        start = plus(start, shape[axis])
    if calls:
        lowering.call(*calls)


def _transpose(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    if not x.type.layout.is_plain:
        _channels_last(lowering, node)
        return
    plain_call(lowering, nests.transpose(extents(x.type.shape), node.attrs["axes"], x.type.dtype), node, x)


def _channels_last(lowering: Lowering, node: Node) -> None:
    """A transpose that puts the channels of a blocked tensor last: lanes stay together, those of the last block as many as there are channels."""
    x = node.inputs[0]
    place, batch = lowering.place(x), extents(x.type.shape[:1])
    pixel = nests.row_major((*batch, *place.spatial, place.channels))[:4]
    calls = []
    whole = place.channels // place.block
    for blocks, lanes, first in ((whole, place.block, 0), (1, place.channels - whole * place.block, whole)):
        if blocks and lanes:
            spec = nests.strided((*batch, *place.spatial, blocks, lanes), place.dtype, (place.stride_n, *place.strides, place.block_stride, 1),
                                 (*pixel, place.block, 1), place.origin + first * place.block_stride, first * place.block)
            calls.append(Call(spec, [x, node.output], [x], [node.output], batch_of(x), node))
    lowering.call(*calls)


def _slice(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    begins, steps = [], []
    for dim, part in zip(x.type.shape, slices(node.attrs), strict=True):
        begin, _, step = (0, 0, 1) if isinstance(dim, SymDim) else part.indices(dim)
        begins.append(begin)
        steps.append(step)
    plain_call(lowering, nests.strided_slice(extents(x.type.shape), begins, steps, extents(node.type.shape), x.type.dtype), node, x)


def _pad(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    before = [first for first, _ in pad_widths(node.attrs)]
    spec = nests.pad(extents(x.type.shape), before, extents(node.type.shape), x.type.dtype, node.attrs["mode"], node.attrs["value"])
    plain_call(lowering, spec, node, x)


def _upsample(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    if x.type.layout.is_plain:
        plain_call(lowering, nests.upsample(extents(x.type.shape), (1, 1, *node.attrs["scale"]), x.type.dtype), node, x)
        return
    spec = nests.blocked_upsample(lowering.place(x), lowering.place(node.output))
    lowering.call(Call(spec, [x, node.output], [x], [node.output], x.type.shape[0], node))


def _broadcast(lowering: Lowering, node: Node) -> None:
    x = node.inputs[0]
    plain_call(lowering, nests.broadcast_to(extents(x.type.shape), extents(node.type.shape), x.type.dtype), node, x)


def copy_operand(lowering: Lowering, node: Node) -> None:
    """Copies the bytes of the first operand to the result, which may have another shape."""
    x = node.inputs[0]
    shape = extents(node.type.shape)
    plain_call(lowering, nests.strided(shape, x.type.dtype, nests.row_major(shape), nests.row_major(shape)), node, x)


HANDLERS: dict[str, Handler] = {
    "reorder": _reorder, "concat": _concat, "transpose": _transpose, "slice": _slice, "pad": _pad, "upsample": _upsample, "broadcast_to": _broadcast,
    "reshape": copy_operand, "identity": copy_operand,
}
