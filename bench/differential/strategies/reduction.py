"""Reductions over axes."""

from bench.differential.case import Case
from bench.differential.maker import FLOATS, NUMBERS, Maker, volume
from bench.differential.strategies.strategy import Strategy


def _axes(make: Maker, rank: int) -> int | str | tuple[int, ...] | None:
    return make.pick(None, "None", make.axis(rank), make.axes(rank, 1), ())


def _reduce(make: Maker, op: str) -> Case:
    shape = make.shape(1, 5)
    dtype = make.pick(*NUMBERS)
    low, high = (0.5, 1.5) if op == "prod" else (-2.0, 2.0)
    values = make.pick("uniform", "integers", "special") if op in ("max", "min") else make.pick("uniform", "integers")
    data = make.input("data", shape, dtype, values, low, high)
    call = make.call(op, data, axis=_axes(make, len(shape)), keepdims=make.pick(None, True, False), exclude=make.pick(None, None, True, False))
    count = volume(shape)
    if op == "prod":  # each factor adds a rounding of the product
        return make.case(call, units=4.0 + (count if dtype == "float16" else count**0.5))
    # Sums of float16 are rounded to float16 after each term in MXNet: the error grows with the number of terms.
    return make.case(call, terms=count if dtype != "float16" else count**2, magnitude=2.0 if op == "mean" else 2.0 * count)


def _norm(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(1, 4), make.pick(*FLOATS)
    axis = make.pick(None, "None", make.axis(len(shape)), make.axes(len(shape), min(2, len(shape)))[:2])
    order, count = make.pick(None, 1, 2), volume(shape)
    call = make.call(op, make.input("data", shape, dtype), ord=order, axis=axis, keepdims=make.pick(None, True, False))
    return make.case(call, terms=count ** (2 if dtype == "float16" else 1), magnitude=2.0 * (count if order == 1 else count**0.5))


STRATEGIES: dict[str, Strategy] = {**dict.fromkeys(("sum", "mean", "max", "min", "prod"), _reduce), "norm": _norm}
