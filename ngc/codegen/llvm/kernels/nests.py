"""Builds loop nests over plain and blocked tensors.

Shapes are tuples of ints and `N(k)`, which is k times the batch of the run. All builders return kernels whose `args` are the inputs
in the order given and then the output.
"""

from collections.abc import Callable, Sequence

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, Spatial
from ngc.codegen.llvm.kernels.expression import (
    Axis,
    Batch,
    Binary,
    Cast,
    Compare,
    Const,
    Expr,
    Extent,
    Index,
    Load,
    N,
    Reduce,
    Select,
    Unary,
    kind_of,
)  # fmt: skip
from ngc.codegen.llvm.kernels.nest import NestKernel, Store
from ngc.codegen.llvm.kernels.nest_loops import Shape, nest, plus, product, row_major, times
from ngc.codegen.llvm.kernels.pad import PadKernel

__all__ = [
    "Shape", "aligned", "arg_reduction", "blocked", "blocked_upsample", "broadcast_to", "cast",
    "clamped", "concat_part", "elementwise", "extent_value", "nest", "pad", "product", "reduction", "row_major", "slice_update", "strided",
    "strided_slice", "times", "transpose", "upsample",
]  # fmt: skip

Make = Callable[..., Expr]


# -- plain tensors ----------------------------------------------------------------------------------------------------


def aligned(shape: Shape, strides: Sequence[Extent], loops: Shape) -> tuple[Extent, ...]:
    """Returns the strides of a tensor over the loops of a shape that it broadcasts to, as numpy aligns them."""
    missing = len(loops) - len(shape)
    padded = (0,) * missing + tuple(0 if extent == 1 else stride for extent, stride in zip(shape, strides, strict=True))
    for extent, loop, stride in zip(shape, loops[missing:], strides, strict=True):
        if extent not in (1, loop):
            raise ValueError(f"{shape} with strides {tuple(strides)} does not broadcast to {loops}, at {stride}")
    return padded


def elementwise(shape: Shape, inputs: Sequence[tuple[Shape, str]], dtype: str, make: Make) -> NestKernel:
    """Returns out = make(*inputs) over a shape that all inputs broadcast to; `make` combines expressions of their kinds.

    args: the inputs, the output.
    """
    operands = [kind for _, kind in inputs]
    loads = [Load(i, aligned(s, row_major(s), shape)) for i, (s, _) in enumerate(inputs)]
    return nest(shape, [*operands, dtype], [Store(len(inputs), make(*loads), row_major(shape))])


def cast(shape: Shape, source: str, dtype: str) -> NestKernel:
    """Returns the conversion of a plain tensor to another dtype. args: input, output."""
    return elementwise(shape, [(shape, source)], dtype, lambda x: Cast(x, dtype))


def strided(loops: Shape, dtype: str, source: Sequence[Extent], target: Sequence[Extent], source_base: Extent = 0,
            target_base: Extent = 0) -> NestKernel:  # fmt: skip
    """Returns the copy out[target_base + target . i] = in[source_base + source . i]. args: input, output."""
    load = Load(0, tuple(source), source_base)
    return nest(loops, [dtype, dtype], [Store(1, load, tuple(target), target_base)])


def transpose(shape: Shape, axes: Sequence[int], dtype: str) -> NestKernel:
    """Returns numpy's transpose(axes) of a plain tensor. args: input, output."""
    strides = row_major(shape)
    loops = tuple(shape[axis] for axis in axes)
    return strided(loops, dtype, [strides[axis] for axis in axes], row_major(loops))


def broadcast_to(shape: Shape, loops: Shape, dtype: str) -> NestKernel:
    """Returns a tensor repeated along its axes of size one. args: input, output."""
    return strided(loops, dtype, aligned(shape, row_major(shape), loops), row_major(loops))


def strided_slice(shape: Shape, begin: Sequence[int], step: Sequence[int], out: Shape, dtype: str) -> NestKernel:
    """Returns out[i] = in[begin + step * i] along every axis; steps may be negative. args: input, output."""
    strides, base = _part(shape, begin, step)
    return strided(out, dtype, strides, row_major(out), base)


def slice_update(shape: Shape, begin: Sequence[int], step: Sequence[int], update: Shape, dtype: str) -> NestKernel:
    """Returns out[begin + step * i] = update[i] along every axis; the rest of the output stays as it is. args: update, output."""
    strides, base = _part(shape, begin, step)
    return strided(update, dtype, row_major(update), strides, target_base=base)


def _part(shape: Shape, begin: Sequence[int], step: Sequence[int]) -> tuple[list[Extent], Extent]:
    """Returns the strides of a part of a tensor, and where its first element lies."""
    strides = row_major(shape)
    if any(isinstance(stride, N) and (at or by != 1) for stride, at, by in zip(strides, begin, step, strict=True)):
        # an offset of k batches is a base linear in n, one such axis only
        base: Extent = 0
        for stride, at in zip(strides, begin, strict=True):
            base = plus(base, times(stride, at))
    else:
        base = sum(stride * at for stride, at in zip(strides, begin, strict=True) if isinstance(stride, int))
    return [times(stride, by) for stride, by in zip(strides, step, strict=True)], base


def concat_part(shape: Shape, out: Shape, axis: int, start: Extent, dtype: str) -> NestKernel:
    """Returns the copy of one input of a concatenation to its place `start` on the axis of the output. args: input, output."""
    strides = row_major(out)
    return strided(shape, dtype, row_major(shape), strides, target_base=times(strides[axis], start))


def upsample(shape: Shape, counts: Sequence[int], dtype: str) -> NestKernel:
    """Returns every element repeated counts[i] times along axis i. args: input, output."""
    loops = tuple(extent for pair in zip(shape, counts, strict=True) for extent in pair)
    source = tuple(stride for pair in zip(row_major(shape), (0,) * len(shape), strict=True) for stride in pair)
    return strided(loops, dtype, source, _interleaved(shape, counts))


def _interleaved(shape: Shape, counts: Sequence[int]) -> tuple[Extent, ...]:
    """Returns, for each axis of a shape and its repeats, the strides of the result whose axes are counts[i] times as long."""
    out = row_major(tuple(times(extent, count) for extent, count in zip(shape, counts, strict=True)))
    result: list[Extent] = []
    for stride, count in zip(out, counts, strict=True):
        result += [times(stride, count), stride]
    return tuple(result)


def pad(shape: Shape, before: Sequence[int], out: Shape, dtype: str, mode: str, value: float = 0.0) -> KernelSpec:
    """Returns numpy's pad; mode is constant, edge or reflect, and padded axes are ints. args: input, output."""
    widths = list(zip(shape, before, out, strict=True))
    tail = _constant_suffix(widths)
    if mode == "constant" and all(first == 0 and extent == padded for extent, first, padded in widths[: len(widths) - len(tail)]):
        spatial, starts, wide = (_triple(part) for part in zip(*[(1, 0, 1)] * (3 - len(tail)), *tail, strict=True))
        return PadKernel(product(shape[: len(shape) - len(tail)]), spatial, starts, wide, dtype, value)
    axes: list[Axis] = []
    plain: list[Extent] = []
    guard: Expr | None = None
    for loop, ((extent, first, padded), stride) in enumerate(zip(widths, row_major(shape), strict=True)):
        if padded == extent and first == 0:
            plain.append(stride)
            continue
        assert isinstance(extent, int)
        plain.append(0)
        index: Expr = Binary("sub", Index(loop), Const(first, "i64"))
        if mode == "constant":
            inside = Binary("logical_and", Compare("ge", index, Const(0, "i64")), Compare("lt", index, Const(extent, "i64")))
            guard = inside if guard is None else Binary("logical_and", guard, inside)
        elif mode == "edge":
            index = clamped(index, extent)
        else:
            index = Unary("abs", index)
            index = Binary("minimum", index, Binary("sub", Const(2 * extent - 2, "i64"), index))
        axes.append(Axis(index, stride))
    load = Load(0, tuple(plain), 0, tuple(axes), guard, value)
    return nest(out, [dtype, dtype], [Store(1, load, row_major(out))])


def _constant_suffix(widths: Sequence[tuple[Extent, int, Extent]]) -> list[tuple[int, int, int]]:
    """Returns the trailing axes, three at most, whose extents do not depend on the batch."""
    tail: list[tuple[int, int, int]] = []
    for extent, first, padded in reversed(widths[-3:]):
        if isinstance(extent, N) or isinstance(padded, N):
            break
        tail.insert(0, (extent, first, padded))
    return tail


def _triple(values: tuple[int, ...]) -> Spatial:
    depth, height, width = values
    return depth, height, width


def clamped(index: Expr, extent: int) -> Expr:
    """Returns an i64 index within [0, extent)."""
    return Binary("minimum", Binary("maximum", index, Const(0, "i64")), Const(extent - 1, "i64"))


# -- reductions -------------------------------------------------------------------------------------------------------


def reduction(shape: Shape, axes: Sequence[int], name: str, dtype: str, out_dtype: str | None = None) -> NestKernel:
    """Returns sum, mean, prod, max, min, norm1 or norm2 over axes, which the output leaves out. args: input, output.

    Sums and products of floats are held in doubles, those of integers in 64 bits; a mean of integers truncates.
    """
    out_dtype = out_dtype or dtype
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    order = [*kept, *sorted(axes)]
    strides = row_major(shape)
    load = Load(0, tuple(strides[axis] for axis in order))
    kind = kind_of(load, (dtype,))
    wide = "f64" if kind.startswith("f") else "i64"
    count = product([shape[axis] for axis in axes])
    match name:
        case "max" | "min":
            value: Expr = Reduce(name, load, kind)
        case "norm1":
            value = Reduce("sum", Unary("abs", load), wide)
        case "norm2":
            value = Reduce("sum", Binary("mul", Cast(load, wide), Cast(load, wide)), wide)
            value = Unary("sqrt", value) if wide == "f64" else Cast(Unary("sqrt", Cast(value, "f64")), "i64")
        case "mean":
            value = Reduce("sum", load, wide)
            value = Binary("div", value, extent_value(count, wide))
        case _:
            value = Reduce(name, load, wide)
    out = tuple(shape[axis] for axis in kept)
    store = Store(1, Cast(value, out_dtype), row_major(out))
    return nest(tuple(shape[axis] for axis in order), [dtype, out_dtype], [store], len(axes))


def extent_value(extent: Extent, kind: str) -> Expr:
    """Returns an extent as a value of a kind."""
    if isinstance(extent, int):
        return Const(extent, kind)
    return Cast(Binary("mul", Batch(), Const(extent.coefficient, "i64")), kind)


def arg_reduction(shape: Shape, axis: int, name: str, dtype: str, out_dtype: str) -> NestKernel:
    """Returns argmax or argmin along an axis, the first of equals, as a dtype. args: input, output."""
    kept = [other for other in range(len(shape)) if other != axis]
    strides = row_major(shape)
    load = Load(0, (*(strides[other] for other in kept), strides[axis]))
    out = tuple(shape[other] for other in kept)
    store = Store(1, Cast(Reduce(name, load, "i64"), out_dtype), row_major(out))
    return nest((*out, shape[axis]), [dtype, out_dtype], [store], 1)


# -- blocked tensors --------------------------------------------------------------------------------------------------


def blocked(y: Geometry, inputs: Sequence[Geometry | str], make: Make) -> NestKernel:
    """Returns y = make(*inputs) over a blocked tensor, its padding lanes zero, its halo not written. args: inputs, y.

    An input is a geometry with y's block, channels and spatial extents (or extents of one, which are broadcast), "channel" for a
    vector of one float a channel padded to whole blocks, or "scalar" for a single float.
    """
    blocks, lanes = y.blocks, y.block
    loops: Shape = (N(1), blocks, *y.spatial, lanes)
    loads: list[Expr] = []
    operands: list[str] = []
    for position, x in enumerate(inputs):
        if isinstance(x, Geometry):
            spatial = (0 if extent == 1 else stride for extent, stride in zip(x.spatial, x.strides, strict=True))
            image = (x.stride_n, x.block_stride if x.blocks > 1 or blocks == 1 else 0)
            loads.append(Load(position, (*image, *spatial, 1), x.origin))
            operands.append(x.dtype)
        else:
            loads.append(Load(position, (0, lanes, 0, 0, 0, 1) if x == "channel" else (0,) * 6))
            operands.append("f32")
    value = make(*loads)
    if y.channels % lanes:
        channel = Binary("add", Binary("mul", Index(1), Const(lanes, "i64")), Index(5))
        value = Select(Compare("lt", channel, Const(y.channels, "i64")), value, Const(0, kind_of(value, tuple(operands))))
    store = Store(len(inputs), value, (y.stride_n, y.block_stride, *y.strides[:2], lanes, 1), y.origin)
    return nest(loops, [*operands, y.dtype], [store])


def blocked_upsample(x: Geometry, y: Geometry) -> NestKernel:
    """Returns nearest upsampling of a blocked tensor by whole factors. args: x, y."""
    counts = [big // small for big, small in zip(y.spatial, x.spatial, strict=True)]
    loops: list[Extent] = [N(1), y.blocks]
    source: list[Extent] = [x.stride_n, x.block_stride]
    target: list[Extent] = [y.stride_n, y.block_stride]
    for extent, count, of_x, of_y in zip(x.spatial, counts, x.strides, y.strides, strict=True):
        loops += [extent, count]
        source += [of_x, 0]
        target += [of_y * count, of_y]
    load = Load(0, (*source, 1), x.origin)
    return nest((*loops, y.block), [x.dtype, y.dtype], [Store(1, load, (*target, 1), y.origin)])
