"""Nests that read images between pixels at places that are data, and the nest of correlation.

All loads are within the image: indices are clamped, and the weight of a corner that lies outside is zero. On blocked tensors the innermost loop is the
channels of a block, and a pixel's place, indices and weights are scalars there.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.expression import Axis, Binary, Cast, Compare, Const, Expr, Extent, Index, Load, N, Reduce, Select, Unary
from ngc.codegen.llvm.kernels.nest import NestKernel, Store
from ngc.codegen.llvm.kernels.nest_loops import Shape, nest, row_major
from ngc.codegen.llvm.kernels.nests import clamped

Pair = tuple[int, int]


class _Corners(NamedTuple):
    """The two pixels of one dimension between which a place lies, and their weights."""

    indices: tuple[Expr, Expr]
    weights: tuple[Expr, Expr]


def _corners(place: Expr, size: int, kind: str) -> _Corners:
    """Returns the pixels around a place, those outside of [0, size) with a weight of zero."""
    low = Unary("floor", place)
    fraction = Binary("sub", place, low)
    weights = (Binary("sub", Const(1, kind), fraction), fraction)
    firsts = (low, Binary("add", low, Const(1, kind)))
    index = Cast(Binary("maximum", Binary("minimum", low, Const(size, kind)), Const(-1, kind)), "i64")
    indices = (clamped(index, size), clamped(Binary("add", index, Const(1, "i64")), size))
    inside = [Binary("mul", Compare("ge", first, Const(0, kind)), Compare("lt", first, Const(size, kind))) for first in firsts]
    zero = Const(0, kind)
    return _Corners(indices, (Select(inside[0], weights[0], zero), Select(inside[1], weights[1], zero)))


def _between(load: Callable[[tuple[Axis, ...]], Expr], rows: _Corners, columns: _Corners, pitches: Pair, kind: str) -> Expr:
    """Returns the weighted sum of four pixels; `load` adds terms to the address of the first one."""

    def weighted(values: Sequence[Expr], weights: tuple[Expr, Expr]) -> Expr:
        first, second = (Binary("mul", value, weight) for value, weight in zip(values, weights, strict=True))
        return Binary("add", first, second)

    def line(row: Expr) -> Expr:
        return weighted([Cast(load((Axis(row, pitches[0]), Axis(column, pitches[1]))), kind) for column in columns.indices], columns.weights)

    return weighted([line(row) for row in rows.indices], rows.weights)


def _kind(dtype: str) -> str:
    return "f64" if dtype == "f64" else "f32"


def grid_sample(x: Geometry, y: Geometry) -> NestKernel:
    """Returns x at the places of a plain grid (N, 2, H, W). args: x, grid, y. A plain x is one of blocks of one channel."""
    height, width = y.spatial[1:]
    kind = _kind(x.dtype)
    loops: Shape = (N(1), y.blocks, height, width, y.block)

    def place(axis: int) -> Expr:
        number = Cast(Load(1, (2 * height * width, 0, width, 1, 0), axis * height * width), kind)
        return Binary("mul", Binary("add", number, Const(1, kind)), Const((x.spatial[2 - axis] - 1) / 2, kind))

    columns, rows = (_corners(place(axis), x.spatial[2 - axis], kind) for axis in (0, 1))
    value = _between(lambda axes: Load(0, (x.stride_n, x.block_stride, 0, 0, 1), x.origin, axes), rows, columns, (x.strides[1], x.strides[2]), kind)
    strides = (y.stride_n, y.block_stride, *y.strides[1:], 1)
    return nest(loops, [x.dtype, x.dtype, y.dtype], [Store(2, Cast(value, y.dtype), strides, y.origin)])


class Window(NamedTuple):
    """The window of a deformable convolution, (down, across) each, and into how many groups channels and offsets fall."""

    kernel: Pair
    stride: Pair
    pad: Pair
    dilate: Pair
    groups: int
    offset_groups: int


def deformable_columns(x: Geometry, y: Geometry, window: Window, masked: bool) -> NestKernel:
    """Returns what each tap of a deformable convolution reads. args: x, plain offsets, a plain mask where it is `masked`, y.

    A group's channels are whole blocks, of one set of offsets each; a plain x is one of blocks of one channel.
    """
    (kh, kw), (height, width), kind = window.kernel, y.spatial[1:], _kind(x.dtype)
    pixels, taps = height * width, kh * kw
    blocks = x.blocks // window.groups
    loops: Shape = (N(1), window.groups, kh, kw, blocks, height, width, y.block)
    part: tuple[Axis, ...] = ()
    each = x.channels // window.offset_groups // x.block  # blocks that share offsets

    def data(operand: int, count: int, offset: int) -> Expr:
        """Loads the number of an offset or mask, of which a tap has `count`."""
        strides: tuple[Extent, ...] = (window.offset_groups * taps * count * pixels, 0, kw * count * pixels, count * pixels, 0, width, 1, 0)
        axes = part
        if window.offset_groups > 1:
            block = Binary("add", Binary("mul", Index(1), Const(blocks, "i64")), Index(4))
            axes = (Axis(Binary("floor_div", block, Const(each, "i64")), taps * count * pixels),)
        return Cast(Load(operand, strides, offset * pixels, axes), kind)

    def place(axis: int) -> Expr:
        tap = Binary("mul", Index(2 + axis), Const(window.dilate[axis], "i64"))
        first = Binary("sub", Binary("mul", Index(5 + axis), Const(window.stride[axis], "i64")), Const(window.pad[axis], "i64"))
        return Binary("add", Cast(Binary("add", first, tap), kind), data(1, 2, axis))

    corners, weight = [], data(2, 1, 0) if masked else None
    for axis, size in enumerate(x.spatial[1:]):
        at = place(axis)
        if not masked:
            inside = Binary("mul", Compare("ge", at, Const(0, kind)), Compare("lt", at, Const(size, kind)))
            weight = inside if weight is None else Binary("mul", weight, inside)
            at = Binary("minimum", at, Const(size - 1, kind))
        corners.append(_corners(at, size, kind))
    assert weight is not None
    source: tuple[Extent, ...] = (x.stride_n, blocks * x.block_stride, 0, 0, x.block_stride, 0, 0, 1)
    value = _between(lambda axes: Load(0, source, x.origin, axes), corners[0], corners[1], (x.strides[1], x.strides[2]), kind)
    target: tuple[Extent, ...] = (y.stride_n, taps * blocks * y.block_stride, kw * blocks * y.block_stride, blocks * y.block_stride, y.block_stride,
                                  *y.strides[1:], 1)
    operands = [x.dtype] * (3 if masked else 2)
    return nest(loops, [*operands, y.dtype], [Store(len(operands), Cast(Binary("mul", value, weight), y.dtype), target, y.origin)])


def correlation(shape: Shape, out: Shape, kernel: int, far: int, stride: int, step: int, multiply: bool, dtype: str) -> NestKernel:
    """Returns the correlation of two plain images (N, C, H, W) at all displacements up to `far` that are multiples of `step`. args: a, b, y."""
    image, plane, row, _ = row_major(shape)
    channels = shape[1]
    assert isinstance(plane, int)  # only the number of images depends on the batch
    assert isinstance(row, int)
    assert isinstance(channels, int)
    radius, kind = far // step, _kind(dtype)
    loops: Shape = (shape[0], 2 * radius + 1, 2 * radius + 1, *out[2:], channels, kernel, kernel)
    inner = (row * stride, stride, plane, row, 1)
    a = Cast(Load(0, (image, 0, 0, *inner), far * (row + 1)), kind)
    b = Cast(Load(1, (image, row * step, step, *inner), (far - radius * step) * (row + 1)), kind)
    term = Binary("mul", a, b) if multiply else Unary("abs", Binary("sub", a, b))
    mean = Binary("mul", Reduce("sum", term, kind), Const(1 / (channels * kernel * kernel), kind))
    target = row_major((shape[0], 2 * radius + 1, 2 * radius + 1, *out[2:]))
    return nest(loops, [dtype] * 3, [Store(2, Cast(mean, dtype), target)], 3)
