"""Lowers group normalization: a nest for the statistics, and behind a barrier one for the results."""

from ngc.codegen.llvm.calls import Argument, Call, geometry, static
from ngc.codegen.llvm.kernels import group_norm
from ngc.codegen.llvm.lower import Lowering
from ngc.codegen.llvm.lower_moves import batch_of, extents
from ngc.errors import CodegenError
from ngc.ir import Dim, Layout, Node, TensorType, Value
from ngc.ir.tensor_type import product


def lower_group_norm(lowering: Lowering, node: Node) -> None:
    """Adds the calls of a group_norm: of blocked data where each channel is a group, else of plain data."""
    (_plain if node.type.layout.is_plain else _blocked)(lowering, node)


def _statistics(node: Node, type: TensorType) -> tuple[Value, Value]:
    """Returns the buffers of the means and of one over the deviations."""
    return Value(f"{node.name}.mean", type), Value(f"{node.name}.inverse", type)


def _plain(lowering: Lowering, node: Node) -> None:
    x, gamma, beta = node.inputs
    if gamma.type.dtype != beta.type.dtype:
        raise CodegenError(f"gamma and beta have one type, not {gamma.type.dtype} and {beta.type.dtype}")
    groups, dtype = node.attrs["groups"], x.type.dtype
    channels, pixels = static(x.type.shape[1]) // groups, static(product(x.type.shape[2:]))
    rows: tuple[Dim, ...] = (x.type.shape[0], groups)
    mean, inverse = _statistics(node, TensorType(rows, "f64" if dtype == "f64" else "f32"))
    argument, reads = lowering.argument(x), [] if x.is_const else [x]
    first = group_norm.statistics(extents(rows), channels * pixels, dtype, node.attrs["eps"])
    lowering.call(Call(first, [argument, mean, inverse], reads, [mean, inverse], batch_of(x), node))
    scales = [lowering.argument(value) for value in (gamma, beta)]
    reads = [*reads, mean, inverse, *(value for value in (gamma, beta) if not value.is_const)]
    second = group_norm.apply(extents(rows), channels, pixels, dtype, gamma.type.dtype)
    lowering.call(Call(second, [argument, mean, inverse, *scales, node.output], reads, [node.output], batch_of(x), node, inplace=(x,)))


def _blocked(lowering: Lowering, node: Node) -> None:
    x, y = node.inputs[0], node.output
    pixel = TensorType((*x.type.shape[:2], *(1,) * (x.type.rank - 2)), "f32", Layout(x.type.layout.block))
    mean, inverse = _statistics(node, pixel)
    first = group_norm.blocked_statistics(lowering.place(x), geometry(pixel), node.attrs["eps"])
    lowering.call(Call(first, [x, mean, inverse], [x], [mean, inverse], x.type.shape[0], node))
    scales: list[Argument] = [lowering.vector(value, y.type, x.type.layout.block) for value in node.inputs[1:]]
    second = group_norm.blocked_apply(lowering.place(x), geometry(pixel), lowering.place(y))
    inplace = (x,) if x.type == y.type else ()
    lowering.call(Call(second, [x, mean, inverse, *scales, y], [x, mean, inverse], [y], x.type.shape[0], node, inplace=inplace))
