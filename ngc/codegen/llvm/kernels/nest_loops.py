"""Loop nests in canonical form: extents and strides that may be multiples of the batch, and loops that run together merged."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ngc.codegen.llvm.kernels.expression import Axis, Binary, Cast, Compare, Const, Expr, Extent, Index, Load, N, Quantize, Reduce, Select, Unary
from ngc.codegen.llvm.kernels.nest import NestKernel, Store

Shape = tuple[Extent, ...]
# -- extents ----------------------------------------------------------------------------------------------------------


def times(a: Extent, b: Extent) -> Extent:
    """Returns the product of two extents, at most one of them a multiple of the batch."""
    if isinstance(a, N) and isinstance(b, N):
        raise ValueError(f"{a} times {b} is not linear in the batch")
    if isinstance(a, N):
        assert isinstance(b, int)
        return N(a.coefficient * b) if b else 0
    return a * b if isinstance(b, int) else (N(a * b.coefficient) if a else 0)


def plus(a: Extent, b: Extent) -> Extent:
    """Returns the sum of two extents, both of one kind or one of them zero."""
    if a == 0 or b == 0:
        return b if a == 0 else a
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, N) and isinstance(b, N):
        return N(a.coefficient + b.coefficient)
    raise ValueError(f"{a} + {b} needs two terms")


def product(extents: Sequence[Extent]) -> Extent:
    """Returns the number of elements of a shape."""
    result: Extent = 1
    for extent in extents:
        result = times(result, extent)
    return result


def row_major(shape: Shape) -> tuple[Extent, ...]:
    """Returns the strides of a plain tensor."""
    return tuple(product(shape[axis + 1 :]) for axis in range(len(shape)))


# -- canonical nests --------------------------------------------------------------------------------------------------


def rewrite(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Returns an expression with `change` applied to every part, operands first."""
    match expr:
        case Load():
            axes = tuple(Axis(rewrite(axis.index, change), axis.stride) for axis in expr.axes)
            guard = None if expr.guard is None else rewrite(expr.guard, change)
            expr = replace(expr, axes=axes, guard=guard)
        case Unary() | Cast() | Quantize() | Reduce():
            expr = replace(expr, operand=rewrite(expr.operand, change))
        case Binary() | Compare():
            expr = replace(expr, left=rewrite(expr.left, change), right=rewrite(expr.right, change))
        case Select():
            expr = Select(rewrite(expr.condition, change), rewrite(expr.then, change), rewrite(expr.otherwise, change))
    return change(expr)


def nest(loops: Shape, operands: Sequence[str], stores: Sequence[Store], reduced: int = 0) -> NestKernel:
    """Returns the kernel of a loop nest in canonical form: no loop of one iteration, adjacent loops merged, images outermost."""
    kernel = NestKernel(loops, tuple(operands), tuple(stores), reduced)
    for loop in range(len(loops) - 1, -1, -1):
        if kernel.loops[loop] == 1:
            kernel = _without(kernel, loop)
    if kernel.reductions and not kernel.reduced:
        kernel = replace(kernel, stores=tuple(replace(s, value=rewrite(s.value, _of_one_element)) for s in kernel.stores))
    for loop in range(len(kernel.loops) - 2, -1, -1):
        if loop != kernel.outer - 1 and _mergeable(kernel, loop):
            kernel = _merged(kernel, loop)
    for loop in range(kernel.outer - 1, -1, -1):
        extent = kernel.loops[loop]
        if isinstance(extent, N) and extent.coefficient > 1 and not _indexed(kernel, loop):
            kernel = _split(kernel, loop, extent.coefficient)
    return kernel


def _of_one_element(expr: Expr) -> Expr:
    if not isinstance(expr, Reduce):
        return expr
    return Const(0, "i64") if expr.name.startswith("arg") else Cast(expr.operand, expr.accumulator)


def _indexed(kernel: NestKernel, loop: int) -> bool:
    return any(part == Index(loop) for part in kernel.expressions)


def _strides(kernel: NestKernel, change: Callable[[tuple[Extent, ...]], tuple[Extent, ...]], moved: Callable[[int], int],
             loops: Shape, reduced: int) -> NestKernel:  # fmt: skip
    """Returns the nest over other loops: every access's strides changed, indices renumbered."""

    def part(expr: Expr) -> Expr:
        if isinstance(expr, Load):
            return replace(expr, strides=change(expr.strides))
        if isinstance(expr, Index):
            place = moved(expr.loop)
            return Const(0, "i64") if place < 0 else Index(place)
        return expr

    stores = tuple(replace(s, value=rewrite(s.value, part), strides=change(s.strides)) for s in kernel.stores)
    return NestKernel(loops, kernel.operands, stores, reduced)


def _without(kernel: NestKernel, loop: int) -> NestKernel:
    return _strides(
        kernel,
        lambda strides: strides[:loop] + strides[loop + 1 :],
        lambda index: -1 if index == loop else index - (index > loop),
        kernel.loops[:loop] + kernel.loops[loop + 1 :],
        kernel.reduced - (loop >= kernel.outer),
    )


def _mergeable(kernel: NestKernel, loop: int) -> bool:
    inner = kernel.loops[loop + 1]
    if _indexed(kernel, loop) or _indexed(kernel, loop + 1) or isinstance(inner, N):
        return False
    accesses = [access for access in kernel.accesses if loop < len(access.strides)]
    return all(
        isinstance(access.strides[loop + 1], int) and access.strides[loop] == times(access.strides[loop + 1], inner)
        for access in accesses
    )


def _merged(kernel: NestKernel, loop: int) -> NestKernel:
    return _strides(
        kernel,
        lambda strides: strides[:loop] + strides[loop + 1 :],
        lambda index: index - (index > loop),
        (*kernel.loops[:loop], times(kernel.loops[loop], kernel.loops[loop + 1]), *kernel.loops[loop + 2 :]),
        kernel.reduced - (loop >= kernel.outer),
    )


def _split(kernel: NestKernel, loop: int, inner: int) -> NestKernel:
    def change(strides: tuple[Extent, ...]) -> tuple[Extent, ...]:
        if loop >= len(strides):
            return strides
        return (*strides[:loop], times(strides[loop], inner), *strides[loop:])

    loops = (*kernel.loops[:loop], N(1), inner, *kernel.loops[loop + 1 :])
    return _strides(kernel, change, lambda index: index + (index > loop), loops, kernel.reduced)
