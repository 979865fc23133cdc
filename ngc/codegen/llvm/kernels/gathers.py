"""Loop nests whose addresses or values depend on indices that are data, or on the loops' own indices.

Indices, i32 or i64, are operand 1 unless a builder says otherwise; they are widened to i64 and brought into the data before they make an address, so that
no kernel reads outside of its operands. All builders return kernels whose `args` are the inputs in order and then the output.
"""

from ngc.codegen.llvm.kernels.expression import KINDS, Axis, Binary, Cast, Compare, Const, Expr, Extent, Index, Load, Select
from ngc.codegen.llvm.kernels.nest import NestKernel, Store
from ngc.codegen.llvm.kernels.nest_loops import Shape, nest, row_major, times
from ngc.codegen.llvm.kernels.nests import aligned, extent_value


def wide(load: Load, dtype: str) -> Expr:
    """Returns an index as an i64."""
    return load if dtype == "i64" else Cast(load, "i64")


def bounded(index: Expr, extent: Extent, mode: str) -> Expr:
    """Returns an i64 index within [0, extent): clipped, counted round (wrap), or counted from the end where negative and then clipped (signed)."""
    size = extent_value(extent, "i64")
    if mode == "wrap":
        return Binary("mod", index, size)
    if mode == "signed":
        index = Select(Compare("lt", index, Const(0, "i64")), Binary("add", index, size), index)
    return Binary("minimum", Binary("maximum", index, Const(0, "i64")), Binary("sub", size, Const(1, "i64")))


def gather(shape: Shape, indices: Shape, axis: int, mode: str, dtype: str, index_dtype: str) -> NestKernel:
    """Returns numpy's take along an axis, in the modes of `bounded`. args: x, indices, output."""
    before, after = shape[:axis], shape[axis + 1 :]
    loops = (*before, *indices, *after)
    strides = row_major(shape)
    place = Load(1, (*(0,) * len(before), *row_major(indices), *(0,) * len(after)))
    at = Axis(bounded(wide(place, index_dtype), shape[axis], mode), strides[axis])
    load = Load(0, (*strides[:axis], *(0,) * len(indices), *strides[axis + 1 :]), axes=(at,))
    return nest(loops, [dtype, index_dtype, dtype], [Store(2, load, row_major(loops))])


def gather_elements(shape: Shape, indices: Shape, axis: int, mode: str, dtype: str, index_dtype: str) -> NestKernel:
    """Returns numpy's take_along_axis; dimensions of one of the indices are repeated. args: x, indices, output."""
    loops = (*shape[:axis], indices[axis], *shape[axis + 1 :])
    strides = row_major(shape)
    place = Load(1, aligned(indices, row_major(indices), loops))
    at = Axis(bounded(wide(place, index_dtype), shape[axis], mode), strides[axis])
    load = Load(0, (*strides[:axis], 0, *strides[axis + 1 :]), axes=(at,))
    return nest(loops, [dtype, index_dtype, dtype], [Store(2, load, row_major(loops))])


def gather_nd(shape: Shape, indices: Shape, dtype: str, index_dtype: str) -> NestKernel:
    """Returns slices at coordinates, whose number is the indices' first dimension. args: x, indices, output."""
    count = indices[0]
    assert isinstance(count, int)
    batch, rest = indices[1:], shape[count:]
    loops = (*batch, *rest)
    strides, (apart, *along) = row_major(shape), row_major(indices)
    axes = []
    for coordinate in range(count):
        place = Load(1, (*along, *(0,) * len(rest)), times(apart, coordinate))
        axes.append(Axis(bounded(wide(place, index_dtype), shape[coordinate], "signed"), strides[coordinate]))
    load = Load(0, (*(0,) * len(batch), *strides[count:]), axes=tuple(axes))
    return nest(loops, [dtype, index_dtype, dtype], [Store(2, load, row_major(loops))])


def one_hot(indices: Shape, depth: int, on: float, off: float, dtype: str, index_dtype: str) -> NestKernel:
    """Returns a last axis that is `on` at the index and `off` elsewhere. args: indices, output."""
    loops = (*indices, depth)
    place = Load(0, (*row_major(indices), 0))
    kind = KINDS[dtype]
    value = Select(Compare("eq", wide(place, index_dtype), Index(len(indices))), Const(on, kind), Const(off, kind))
    return nest(loops, [index_dtype, dtype], [Store(1, value, row_major(loops))])


def iota(shape: Shape, start: float, step: float, repeat: int, dtype: str) -> NestKernel:
    """Returns start + step * (i // repeat) in row-major order, each operation rounded to the dtype. args: output."""
    flat: Expr = Const(0, "i64")
    for loop, stride in enumerate(row_major(shape)):
        flat = Binary("add", flat, Binary("mul", Index(loop), extent_value(stride, "i64")))
    if repeat != 1:
        flat = Binary("floor_div", flat, Const(repeat, "i64"))
    kind = KINDS[dtype]
    scaled = Cast(Binary("mul", Cast(flat, dtype), Const(step, kind)), dtype)
    value = Cast(Binary("add", Const(start, kind), scaled), dtype)
    return nest(shape, [dtype], [Store(0, value, row_major(shape))])


def sequence_mask(shape: Shape, axis: int, value: float, dtype: str, length_dtype: str) -> NestKernel:
    """Returns x where the index on the time axis (0 or 1) is below the length of the other one's sequence. args: x, lengths, output."""
    strides = row_major(shape)
    length = Load(1, tuple(int(loop == 1 - axis) for loop in range(len(shape))))
    inside = Compare("lt", Index(axis), wide(length, length_dtype))
    return nest(shape, [dtype, length_dtype, dtype], [Store(2, Select(inside, Load(0, strides), Const(value, KINDS[dtype])), strides)])
