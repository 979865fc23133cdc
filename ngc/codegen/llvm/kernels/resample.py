"""Nests that resize images and pool them adaptively, on plain and on blocked tensors.

Where an output lies among the pixels is data, tables of a few numbers a row and column, so that a kernel's code depends on extents alone and loads
indices instead of dividing. On blocked tensors the innermost loop is the channels of a block: a pixel's indices and weights are scalars there.
"""

import numpy as np

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.expression import Axis, Binary, Cast, Compare, Const, Expr, Extent, Index, Load, N, Reduce, Select
from ngc.codegen.llvm.kernels.nest import NestKernel, Store
from ngc.codegen.llvm.kernels.nest_loops import Shape, nest
from ngc.ir.ops.resampling import adaptive_windows, linear_taps

Size = tuple[int, int]


def resize_tables(size: Size, out: Size, coordinates: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns what `resize` reads: i32 [rows low, rows high, columns low, columns high] and the fractions [rows, columns]."""
    taps = [linear_taps(before, after, coordinates) for before, after in zip(size, out, strict=True)]
    indices = [index for tap in taps for index in (tap.low, tap.high)]
    fractions = np.concatenate([tap.fraction for tap in taps])
    return np.concatenate(indices).astype(np.int32), fractions.astype(np.float64 if dtype == "f64" else np.float32)


def adaptive_table(size: Size, out: Size) -> np.ndarray:
    """Returns what `adaptive_average` reads: i32 [rows begin, rows count, columns begin, columns count]."""
    windows = [adaptive_windows(before, after) for before, after in zip(size, out, strict=True)]
    return np.asarray(np.concatenate([part for begin, end in windows for part in (begin, end - begin)]), np.int32)


def widest_windows(size: Size, out: Size) -> Size:
    """Returns the rows and the columns of the largest window of adaptive pooling."""
    height, width = (int(np.subtract(*adaptive_windows(before, after)[::-1]).max()) for before, after in zip(size, out, strict=True))
    return height, width


def resize(x: Geometry, y: Geometry) -> NestKernel:
    """Returns the linear interpolation of images between pixels that tables name. args: x, indices, fractions (see `resize_tables`), y.

    A plain tensor is one of blocks of one channel.
    """
    rows, columns = y.spatial[1:]
    wide = "f64" if x.dtype == "f64" else "f32"

    def index(loop: int, base: int, stride: int) -> Axis:
        return Axis(Cast(Load(1, _along(loop), base), "i64"), stride)

    def corner(row: int, column: int) -> Expr:
        places = (index(_ROW, row * rows, x.strides[1]), index(_COLUMN, 2 * rows + column * columns, x.strides[2]))
        return Load(0, (x.stride_n, x.block_stride, 0, 0, 1), x.origin, places)

    def between(low: Expr, high: Expr, share: Expr) -> Expr:
        return Binary("add", low, Binary("mul", Binary("sub", high, low), share))

    down, across = Load(2, _along(_ROW), 0), Load(2, _along(_COLUMN), rows)
    upper, lower = (between(corner(row, 0), corner(row, 1), across) for row in (0, 1))
    store = Store(3, Cast(between(upper, lower, down), y.dtype), _strides(y), y.origin)
    return nest(_loops(y), [x.dtype, "i32", wide, y.dtype], [store])


def adaptive_average(x: Geometry, y: Geometry) -> NestKernel:
    """Returns averages over windows that a table names. args: x, windows (see `adaptive_table`), y.

    A plain tensor is one of blocks of one channel. All windows are walked as if they were as large as the largest; beyond the end of one its last pixel is read
    and not counted.
    """
    rows, columns = y.spatial[1:]
    tall, wide = widest_windows(x.spatial[1:], y.spatial[1:])
    inner = 2  # loops of a window
    kind = "f64" if x.dtype == "f64" or tall * wide > _MOST_TERMS else "f32"

    def table(loop: int, base: int) -> Expr:
        return Cast(Load(1, (*_along(loop), *(0,) * inner), base), "i64")

    begins = (table(_ROW, 0), table(_COLUMN, 2 * rows))
    counts = (table(_ROW, rows), table(_COLUMN, 2 * rows + columns))
    axes, within = [], []
    for axis, (begin, count) in enumerate(zip(begins, counts, strict=True)):
        step = Index(_WINDOW + axis)
        within.append(Compare("lt", step, count))
        axes.append(Axis(Binary("add", begin, Binary("minimum", step, Binary("sub", count, Const(1, "i64")))), x.strides[1 + axis]))
    load = Load(0, (x.stride_n, x.block_stride, 0, 0, 1, 0, 0), x.origin, tuple(axes))
    term = Select(Cast(Binary("logical_and", *within), kind), Cast(load, kind), Const(0, kind))
    mean = Binary("div", Reduce("sum", term, kind), Cast(Binary("mul", *counts), kind))
    return nest((*_loops(y), tall, wide), [x.dtype, "i32", y.dtype], [Store(2, Cast(mean, y.dtype), _strides(y), y.origin)], inner)


_ROW, _COLUMN, _WINDOW = 2, 3, 5
"""Loops are images, channel blocks, rows, columns, channels of a block; then the rows and columns of a window."""

_MOST_TERMS = 4096
"""More additions in a row than these need the digits of doubles."""


def _loops(y: Geometry) -> Shape:
    return (N(1), y.blocks, *y.spatial[1:], y.block)


def _strides(y: Geometry) -> tuple[Extent, ...]:
    return (y.stride_n, y.block_stride, *y.strides[1:], 1)


def _along(loop: int) -> tuple[Extent, ...]:
    """Returns the strides of a table that is read along one loop."""
    return tuple(int(other == loop) for other in range(_WINDOW))
