"""Nests of group normalization: one over the data for the statistics, one for the results.

Sums are held in doubles, where the difference of the mean of squares and the square of the mean loses none of the digits that f32 data has: products of two
f32 are exact, and a mean of a thousand deviations costs six of sixteen digits.
"""

from collections.abc import Sequence

from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.expression import Binary, Cast, Const, Expr, Extent, Load, N, Reduce, Unary
from ngc.codegen.llvm.kernels.nest import NestKernel, Store
from ngc.codegen.llvm.kernels.nest_loops import Shape, nest, row_major


def statistics(groups: Shape, length: int, dtype: str, eps: float) -> NestKernel:
    """Returns the mean and one over the deviation of each row of plain data (*groups, length). args: x, means, inverses."""
    loops = (*groups, length)
    wide = _wide(dtype)
    return nest(loops, [dtype, wide, wide], _stores(Load(0, row_major(loops)), length, eps, wide, row_major(groups)), 1)


def blocked_statistics(x: Geometry, y: Geometry, eps: float) -> NestKernel:
    """Returns the mean and one over the deviation of each channel of a blocked tensor, y of one pixel. args: x, means, inverses."""
    pixels = x.spatial[0] * x.spatial[1] * x.spatial[2]
    load = Load(0, (x.stride_n, x.block_stride, 1, *x.strides), x.origin)
    stores = _stores(load, pixels, eps, "f32", (y.stride_n, y.block_stride, 1))
    return nest((N(1), x.blocks, x.block, *x.spatial), [x.dtype, "f32", "f32"], stores, 3)


def _wide(dtype: str) -> str:
    return "f64" if dtype == "f64" else "f32"


def _stores(x: Expr, count: int, eps: float, kind: str, strides: tuple[Extent, ...]) -> list[Store]:
    value = Cast(x, "f64")
    scale = Const(1 / count, "f64")
    mean = Binary("mul", Reduce("sum", value, "f64"), scale)
    squares = Binary("mul", Reduce("sum", Binary("mul", value, value), "f64"), scale)
    variance = Binary("maximum", Binary("sub", squares, Binary("mul", mean, mean)), Const(0, "f64"))  # rounding may leave it below
    inverse = Unary("rsqrt", Binary("add", variance, Const(eps, "f64")))
    return [Store(1, Cast(mean, kind), strides), Store(2, Cast(inverse, kind), strides)]


def apply(groups: Shape, channels: int, pixels: int, dtype: str, scales: str) -> NestKernel:
    """Returns (x - mean) * inverse * gamma + beta of plain data (*groups, channels of a group, pixels). args: x, means, inverses, gamma, beta, y.

    Args:
        groups: images and groups of an image.
        scales: the dtype of gamma and beta.
    """
    loops = (*groups, channels, pixels)
    group, channel = (*row_major(groups), 0, 0), (0, channels, 1, 0)
    loads = [Load(0, row_major(loops)), Load(1, group), Load(2, group), Load(3, channel), Load(4, channel)]
    wide = _wide(dtype)
    return nest(loops, [dtype, wide, wide, scales, scales, dtype], [Store(5, Cast(normalized(loads, wide), dtype), row_major(loops))])


def blocked_apply(x: Geometry, statistic: Geometry, y: Geometry) -> NestKernel:
    """Returns the same of a blocked tensor with statistics of channels. args: x, means, inverses, gamma, beta, y."""
    return nests.blocked(y, [x, statistic, statistic, "channel", "channel"], lambda *loads: Cast(normalized(loads, "f32"), y.dtype))


def normalized(operands: Sequence[Expr], kind: str) -> Expr:
    """Returns (x - mean) * (inverse * gamma) + beta; a mean that is taken off first costs no digits."""
    x, mean, inverse, gamma, beta = (Cast(operand, kind) for operand in operands)
    return Binary("add", Binary("mul", Binary("sub", x, mean), Binary("mul", inverse, gamma)), beta)
