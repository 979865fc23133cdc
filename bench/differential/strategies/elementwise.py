"""Element-wise operators: functions of one number, of two with and without broadcasting, with scalars, casts and choices."""

from bench.differential.case import Case
from bench.differential.maker import FLOATS, NUMBERS, Maker, outputs
from bench.differential.strategies.strategy import Strategy

_COMPARISONS = "equal not_equal greater greater_equal lesser lesser_equal logical_and logical_or logical_xor"
_BROADCAST = f"add sub mul div mod power maximum minimum hypot {_COMPARISONS}"
_UNARY = (
    "relu sigmoid softsign abs negative reciprocal sign round rint ceil floor trunc fix square sqrt rsqrt cbrt rcbrt exp log log10 log2 log1p expm1 sin cos "
    "tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh degrees radians erf erfinv gamma gammaln logical_not _copy zeros_like ones_like"
)
# Functions that stay whole on whole numbers. MXNet runs the others on integers too, in the integers' own arithmetic.
_WHOLE_NAMES = "relu abs negative sign round rint ceil floor trunc fix square logical_not _copy zeros_like ones_like"
# erfinv is as steep as 1 / erf is flat.
_UNITS = {"gamma": 32.0, "gammaln": 32.0, "erfinv": 128.0}
# gammaln crosses zero between its poles, and sigmoid is half of 1 + tanh(x / 2): the error is that of numbers around 1 and more.
_MAGNITUDES = {"gammaln": 32.0, "sigmoid": 1.0}
_SCALARS = "plus minus rminus mul div rdiv mod rmod power rpower maximum minimum hypot"


def _unary(make: Maker, op: str) -> Case:
    dtype = make.pick(*(NUMBERS if op in _WHOLE_NAMES.split() else FLOATS))
    values = make.pick("uniform", "special")
    low, high = make.pick((-2.0, 2.0), (0.0, 4.0), (-0.99, 0.99), (-9.0, 9.0))
    data = make.input("data", make.shape(), dtype, values, low, high)
    return make.case(make.call(op, data), units=_UNITS.get(op, 4.0), magnitude=_MAGNITUDES.get(op, 0.0))


def broadcast_shapes(make: Maker) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns two shapes that broadcast to one another; ranks may differ."""
    whole = make.shape(1, 5)
    first = tuple(1 if make.integer(0, 3) == 3 else size for size in whole)
    second = tuple(1 if make.integer(0, 3) == 3 else size for size in whole)
    return first, second[make.pick(0, 0, len(whole) - 1) :]


def _low(make: Maker, op: str, dtype: str) -> float:
    """Returns the least operand: powers of negative numbers are NaN mostly, and whole numbers divided by 0 kill MXNet, once is enough of that."""
    if "div" in op and not dtype.startswith("float"):
        return 1.0 if make.integer(0, 199) else 0.0
    return 0.0 if "power" in op else make.pick(-2.0, -9.0)


def _operands(make: Maker, first: tuple[int, ...], second: tuple[int, ...], op: str) -> Case:
    dtype = make.pick(*NUMBERS)
    low = _low(make, op, dtype)
    values = make.pick("uniform", "integers", "special")
    whole = first if len(first) > len(second) else second
    left = make.input("lhs", first, dtype, values, low, 4.0, batched=len(first) == len(whole) and first[0] == max(first[0], second[0]))
    kind = {"param": make.integer(0, 2) == 2}
    right = make.input("rhs", second, dtype, values, low, 4.0, batched=len(second) == len(first) and second[0] == first[0], **kind)
    return make.case(make.call(op, left, right))


def _binary(make: Maker, op: str) -> Case:
    if op.startswith("broadcast_"):
        return _operands(make, *broadcast_shapes(make), op)
    shape = make.shape()
    return _operands(make, shape, shape, op)


def _scalar(make: Maker, op: str) -> Case:
    dtype = make.pick(*NUMBERS)
    scalar = make.pick(1.0, 0.0, -1.0, 2.0, 0.5, -2.5, 3.0, make.number(-4.0, 4.0))
    if op == "_div_scalar" and not dtype.startswith("float"):
        scalar = make.pick(1.0, 2.0, 3.5, -2.0)
    values = make.pick("uniform", "integers", "special")
    data = make.input("data", make.shape(), dtype, values, _low(make, op, dtype), 4.0)
    return make.case(make.call(op, data, scalar=scalar))


def _cast(make: Maker, op: str) -> Case:
    dtype = make.pick(*NUMBERS, "bool")
    wanted = make.pick("float32", "float64", "float16", "int32", "int64", "int8", "uint8", "bool")
    low, high = make.pick((-3.0, 3.0), (-300.0, 300.0), (-7e4, 7e4))
    if not dtype.startswith("float"):
        low, high = (0, 1) if dtype == "bool" else (max(low, -128), min(high, 127))
    values = "uniform" if "float" not in wanted else make.pick("uniform", "special")
    data = make.input("data", make.shape(), dtype, values, low, high)
    return make.case(make.call(op, data, dtype=wanted))


def _amp_cast(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(), make.pick("float32", "float16"))
    return make.case(make.call(op, data, dtype=make.pick("float32", "float16")))


def _amp_multicast(make: Maker, op: str) -> Case:
    # Several inputs kill MXNet, and it refuses float16: each now and then is enough.
    shape, count = make.shape(), 1 if make.integer(0, 99) else 2
    data = [make.input(f"data{index}", shape, "float16" if make.integer(0, 19) == 19 else "float32") for index in range(count)]
    return make.case(*outputs(make.call(op, *data, num_outputs=count), count))


def _add_n(make: Maker, op: str) -> Case:
    shape, count, dtype = make.shape(), make.integer(1, 4), make.pick(*NUMBERS)
    data = [make.input(f"data{index}", shape, dtype) for index in range(count)]
    return make.case(make.call(op, *data, num_args=count), terms=count, magnitude=2.0 * count)


def _clip(make: Maker, op: str) -> Case:
    low, high = make.pick((0.0, 6.0), (-1.0, 1.0), (-1.5, 0.25), (0.0, 0.0))
    data = make.input("data", make.shape(), make.pick(*NUMBERS), make.pick("uniform", "special"), -8.0, 8.0)
    return make.case(make.call(op, data, a_min=low, a_max=high))


def _where(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(), make.pick(*NUMBERS)
    condition_shape = make.pick(shape, shape[:1])
    condition = make.input("condition", condition_shape, make.pick(*NUMBERS), "integers", 0, 1)
    x = make.input("x", shape, dtype, make.pick("uniform", "special"))
    y = make.input("y", shape, dtype)
    return make.case(make.call(op, condition, x, y))


def _like(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(), make.pick(*NUMBERS)
    return make.case(make.call(op, make.input("lhs", shape, dtype), make.input("rhs", shape, dtype)))


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(_UNARY.split(), _unary),
    **{f"broadcast_{name}": _binary for name in _BROADCAST.split()},
    **{f"elemwise_{name}": _binary for name in ("add", "sub", "mul", "div")},
    **{f"_{name}": _binary for name in f"mod power maximum minimum hypot {_COMPARISONS}".split()},
    "_grad_add": _binary,
    **{f"_{name}_scalar": _scalar for name in f"{_SCALARS} {_COMPARISONS}".split()},
    "Cast": _cast,
    "amp_cast": _amp_cast,
    "amp_multicast": _amp_multicast,
    "add_n": _add_n,
    "clip": _clip,
    "where": _where,
    "_identity_with_attr_like_rhs": _like,
}
