"""Reductions over axes."""

from collections.abc import Callable

from ngc.importer.attributes import Attributes, Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Value


def reduce(
    conversion: Conversion, op: str, axes: tuple[int, ...] | None, *, exclude: bool, data: Value | None = None
) -> Value:
    """Returns a reduction of the node's first operand, or of `data` of its shape, over axes (none: all), with its attribute keepdims."""
    x = conversion.data if data is None else data
    chosen = conversion.axes(axes or range(conversion.rank))
    if exclude and axes:
        chosen = tuple(axis for axis in range(conversion.rank) if axis not in chosen)
        if not chosen:
            return conversion.op("identity", x)
    keepdims = conversion.attrs["keepdims"]
    if len(chosen) == conversion.rank and not keepdims:
        # MXNet has no arrays without dimensions: a full reduction has the shape (1,).
        total = conversion.op(op, x, part="total", axes=chosen, keepdims=True)
        return conversion.reshape(total, (1,))
    return conversion.op(op, x, axes=tuple(sorted(chosen)), keepdims=keepdims)


def _reduction(op: str) -> Callable[[Conversion], list[Value]]:
    return lambda conversion: [
        reduce(conversion, op, conversion.attrs["axis"], exclude=conversion.attrs["exclude"])
    ]


INTEGER_NORM = "MXNet truncates norms of others to integers"
"""Why norms are of floats."""


def _norm(conversion: Conversion) -> list[Value]:
    conversion.expect_floats(INTEGER_NORM)
    op = "reduce_l1" if conversion.attrs["ord"] == 1 else "reduce_l2"
    return [reduce(conversion, op, conversion.attrs["axis"], exclude=False)]


def _refuse_norm(attrs: Attributes) -> str | None:
    if attrs["out_dtype"] is not None:
        return f"out_dtype={attrs['out_dtype']}"
    return None if attrs["ord"] in (1, 2) else f"ord={attrs['ord']}, of which MXNet knows 1 and 2"


AXES = {
    "axis": Field("shape", None, optional=True),
    "keepdims": Field("bool", False),
}

OPERATORS = {
    **{
        name: Operator(
            _reduction(f"reduce_{name}"),
            {**AXES, "exclude": Field("bool", False)},
            becomes=(f"reduce_{name}", "reshape", "identity"),
        )
        for name in ("sum", "mean", "max", "min", "prod")
    },
    "norm": Operator(
        _norm,
        {**AXES, "ord": Field("int", 2), "out_dtype": Field("str", None, optional=True)},
        refuse=_refuse_norm,
        becomes=("reduce_l1", "reduce_l2", "reshape"),
    ),
}
