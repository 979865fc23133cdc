"""MXNet's numpy names: arithmetic and functions, element by element, arrays without dimensions among the data."""

from bench.differential.case import Case
from bench.differential.maker import FLOATS, Maker
from bench.differential.strategies.elementwise import broadcast_shapes
from bench.differential.strategies.strategy import Strategy

_UNARY = (
    "negative reciprocal sign rint ceil floor trunc fix square sqrt cbrt exp expm1 log log10 log2 log1p sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh degrees radians absolute isnan isinf isposinf isneginf isfinite logical_not nan_to_num"
)
_BINARY = "add subtract multiply true_divide mod power equal not_equal greater greater_equal less less_equal"
_REVERSED = "rsubtract rtrue_divide rmod rpower"
_SIGNED = "arctan2 copysign"
"""Functions of floats alone, as hypot is too."""
_TYPES = (*FLOATS, "int32", "int64")


def _shape(make: Maker) -> tuple[int, ...]:
    return () if make.integer(0, 9) == 9 else make.shape()


def _unary(make: Maker, op: str) -> Case:
    data = make.input("data", _shape(make), make.pick(*FLOATS), make.pick("uniform", "special"), *make.pick((-2.0, 2.0), (0.0, 4.0)), batched=False)
    attrs = {"nan": make.pick(0.0, 1.5), "posinf": make.pick("None", 9.0), "neginf": make.pick("None", -9.0)} if op.endswith("nan_to_num") else {}
    return make.case(make.call(op, data, **attrs))


def _binary(make: Maker, op: str) -> Case:
    first, second = broadcast_shapes(make)
    dtype = make.pick(*_TYPES)
    whole = not dtype.startswith("float")
    low = 1.0 if whole and ("divide" in op or "mod" in op or "power" in op) else 0.0 if "power" in op else -2.0
    values = make.pick("uniform", "integers", "special")
    inputs = make.input("x1", first, dtype, values, low, 4.0, batched=False), make.input("x2", second, dtype, values, low, 4.0, batched=False)
    return make.case(make.call(op, *inputs), units=8.0 if "power" in op else 4.0)


def _scalar(make: Maker, op: str) -> Case:
    dtype = make.pick(*_TYPES)
    whole = make.chance()
    scalar = make.pick(1, 2, 3, -2) if whole else make.pick(1.5, 0.5, -2.5, 2.0)
    low = 1.0 if "divide" in op or "mod" in op or "power" in op else -4.0
    data = make.input("data", make.shape(), dtype, make.pick("uniform", "integers"), low, 4.0)
    return make.case(make.call(op, data, scalar=float(scalar), is_int=whole), units=8)


def _signed(make: Maker, op: str) -> Case:
    dtype = make.pick("float32", "float64")
    if op.endswith("scalar"):
        return make.case(make.call(op, make.input("data", make.shape(), dtype, make.pick("uniform", "integers")), scalar=make.pick(1.5, -2.0)), units=16)
    first, second = broadcast_shapes(make)
    values = make.pick("uniform", "integers")
    inputs = make.input("x1", first, dtype, values, batched=False), make.input("x2", second, dtype, values, batched=False)
    return make.case(make.call(op, *inputs), units=16)


def _polyval(make: Maker, op: str) -> Case:
    dtype, count = make.pick("float32", "float64"), make.size()
    inputs = make.input("p", (count,), dtype, batched=False), make.input("x", make.shape(), dtype, batched=False, low=-1.0, high=1.0)
    return make.case(make.call(op, *inputs), units=8, terms=2 * count, magnitude=4.0 * count)


def _around(make: Maker, op: str) -> Case:
    data = make.input("data", make.shape(), make.pick("float32", "float64"), make.pick("uniform", "special"), -9.0, 9.0)
    return make.case(make.call(op, data, decimals=make.pick(None, 0, 1, 2)), units=8)


def _where(make: Maker, op: str) -> Case:
    first, second = broadcast_shapes(make)
    dtype = make.pick(*FLOATS)
    condition = make.input("condition", first, make.pick("bool", "int32", dtype), "integers", 0, 1, batched=False)
    if op.endswith("scalar2"):
        return make.case(make.call(op, condition, x=make.pick(1.0, -2.5), y=make.pick(0.0, 3.0)))
    x = make.input("x", second, dtype, batched=False)
    if op.endswith("scalar"):
        return make.case(make.call(op, condition, x, scalar=make.pick(1.0, -2.5)))
    return make.case(make.call(op, condition, x, make.input("y", first, dtype, batched=False)))


def _full_like(make: Maker, op: str) -> Case:
    data = make.input("a", make.shape(), make.pick(*_TYPES))
    return make.case(make.call(op, data, fill_value=make.pick(0.0, 1.0, 2.5), dtype=make.pick(None, "float32", "int32")))


def _ldexp(make: Maker, op: str) -> Case:
    shape, dtype = make.shape(), make.pick("float32", "float32", "float64", *(("int32", "int64", "uint8") if op == "_npi_ldexp" else ()))
    first = make.input("x1", shape, dtype, "integers" if op == "_npi_rldexp_scalar" else "uniform", 0.0 if dtype == "uint8" else -3.0, 3.0)
    if op.endswith("scalar"):
        return make.case(make.call(op, first, scalar=float(make.integer(-3, 3)), is_int=True))
    return make.case(make.call(op, first, make.input("x2", shape, dtype, "integers", 0 if dtype == "uint8" else -3, 3)))


def _bitwise(make: Maker, op: str) -> Case:
    dtype = make.pick("bool", "int32", "int64", "uint8", "int8")
    first, second = broadcast_shapes(make)
    if dtype == "bool":
        second = first  # MXNet 1.9.1 broadcasts integers only
    low, high = (0, 1) if dtype == "bool" else (0 if dtype == "uint8" else -128, 127)
    data = make.input("x1", first, dtype, "integers", low, high, batched=False)
    if op == "_npi_bitwise_not":
        return make.case(make.call(op, data))
    if op.endswith("scalar"):
        return make.case(make.call(op, data, scalar=float(make.integer(-2, 9))))
    return make.case(make.call(op, data, make.input("x2", second, dtype, "integers", low, high, batched=False)))


def _copy(make: Maker, op: str) -> Case:
    return make.case(make.call(op, make.input("a", _shape(make), make.pick(*_TYPES), batched=False)))


STRATEGIES: dict[str, Strategy] = {
    **{f"_npi_{name}": _unary for name in _UNARY.split()},
    **{f"_npi_{name}": _binary for name in _BINARY.split()},
    **{f"_npi_{name}_scalar": _scalar for name in f"{_BINARY} {_REVERSED}".split()},
    **{f"_npi_{form}": _signed for name in _SIGNED.split() for form in (name, f"{name}_scalar", f"r{name}_scalar")},
    "_npi_hypot": _signed,
    "_npi_polyval": _polyval,
    "_npi_around": _around,
    **dict.fromkeys(("_npi_where", "_npi_where_lscalar", "_npi_where_rscalar", "_npi_where_scalar2"), _where),
    "_npi_full_like": _full_like,
    **dict.fromkeys(("_npi_ldexp", "_npi_ldexp_scalar", "_npi_rldexp_scalar"), _ldexp),
    **{f"_npi_bitwise_{form}": _bitwise for form in ("and", "or", "xor", "and_scalar", "or_scalar", "xor_scalar", "not")},
    "_np_copy": _copy,
}
