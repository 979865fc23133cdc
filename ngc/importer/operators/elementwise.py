"""Element-wise operators: unary mathematics, two operands with and without broadcasting, scalars, casts."""

from collections.abc import Callable

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.operators.conversion import (
    MAX_OUTPUTS,
    NUM_ARGS,
    Conversion,
    Operator,
    identity,
    numbered_outputs,
)
from ngc.importer.operators.spatial import add_all
from ngc.ir import Value
from ngc.ir.tensor_type import FLOATS

_UNARY = (
    "relu sigmoid softsign abs negative reciprocal sign round rint ceil floor trunc fix square sqrt rsqrt "
    "cbrt rcbrt exp log log10 log2 log1p expm1 sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh "
    "arccosh arctanh degrees radians erf erfinv gamma gammaln logical_not"
)
_COMPARISONS = "equal not_equal greater greater_equal lesser lesser_equal"
_LOGICAL = "logical_and logical_or logical_xor"
# MXNet's words for the four operations differ from family to family: plus and minus with scalars.
_BROADCAST = f"add sub mul div mod power maximum minimum hypot {_COMPARISONS} {_LOGICAL}"
_EQUAL_SHAPES = f"mod power maximum minimum hypot {_COMPARISONS} {_LOGICAL}"
_SCALAR = {
    "plus": ("add", False),
    "minus": ("sub", False),
    "rminus": ("sub", True),
    "mul": ("mul", False),
    "div": ("div", False),
    "rdiv": ("div", True),
    "mod": ("mod", False),
    "rmod": ("mod", True),
    "power": ("power", False),
    "rpower": ("power", True),
    **{name: (name, False) for name in f"maximum minimum hypot {_COMPARISONS} {_LOGICAL}".split()},
}
_SCALAR_PARAMS = {"scalar": Field("double", 1.0), "is_int": Field("bool", True)}


def _unary(op: str) -> Operator:
    return Operator(lambda conversion: [conversion.op(op, conversion.data)], any_rank=True, becomes=(op,))


def _broadcast(op: str) -> Operator:
    return Operator(lambda conversion: [conversion.op(op, *conversion.inputs)], None, 2, 2, any_rank=True, becomes=(op,))


def _equal_shapes(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        conversion.expect_shape(conversion.inputs[1], conversion.shape, "second")
        return [conversion.op(op, *conversion.inputs)]

    return Operator(convert, None, 2, 2, becomes=(op,))


def _scalar(op: str, reverse: bool) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        data = conversion.data
        if not conversion.attrs["is_int"] and data.type.dtype not in FLOATS:  # written by numpy's functions: a scalar with a fraction
            data = conversion.op("cast", data, part="data", dtype="f64")
        return [conversion.op(op, data, scalar=conversion.attrs["scalar"], reverse=reverse)]

    return Operator(convert, _SCALAR_PARAMS, any_rank=True, becomes=(op, "cast"))


def _constant_like(op: str, scalar: float) -> Callable[[Conversion], list[Value]]:
    """0 = (x and 0) and 1 = (x or 1), whatever x is: NaN and a batch of any size included."""
    return lambda conversion: [conversion.op(op, conversion.data, scalar=scalar)]


def _add_n(conversion: Conversion) -> list[Value]:
    if len(conversion.inputs) == 1:
        return identity(conversion)
    return [add_all(conversion, list(conversion.inputs))]


def _clip(conversion: Conversion) -> list[Value]:
    return [
        conversion.op(
            "clip", conversion.data, a_min=conversion.attrs["a_min"], a_max=conversion.attrs["a_max"]
        )
    ]


def _cast(conversion: Conversion) -> list[Value]:
    return [conversion.op("cast", conversion.data, dtype=conversion.attrs["dtype"])]


def _amp_cast(conversion: Conversion) -> list[Value]:
    """Keeps the data's precision, as MXNet does when it strips these nodes on saving; widens only."""
    wide = conversion.attrs["dtype"]
    if conversion.data.type.dtype in ("f16", "bf16") and wide in ("f32", "f64"):
        return [conversion.op("cast", conversion.data, dtype=wide)]
    return identity(conversion)


def _amp_multicast(conversion: Conversion) -> list[Value]:
    """Brings all inputs to the widest floating-point type among them."""
    dtypes = {value.type.dtype for value in conversion.inputs}
    widest = next((dtype for dtype in ("f64", "f32", "bf16", "f16") if dtype in dtypes), None)
    results = []
    for index, value in enumerate(conversion.inputs):
        if widest is None or value.type.dtype not in FLOATS or value.type.dtype == widest:
            results.append(conversion.op("identity", value, part=f"output{index}"))
        else:
            results.append(conversion.op("cast", value, part=f"output{index}", dtype=widest))
    return results


def _where(conversion: Conversion) -> list[Value]:
    return [conversion.op("where", *conversion.inputs)]


def _refuse_sparse(attrs: Attributes) -> str | None:
    return None if attrs["stype"] == "default" else f"stype={attrs['stype']}, storage that leaves zeros out; tensors of ngc hold all elements"


OPERATORS = {
    **{name: _unary(name) for name in _UNARY.split()},
    **{f"broadcast_{name}": _broadcast(name) for name in _BROADCAST.split()},
    **{f"elemwise_{name}": _equal_shapes(name) for name in ("add", "sub", "mul", "div")},
    **{f"_{name}": _equal_shapes(name) for name in _EQUAL_SHAPES.split()},
    "_grad_add": _equal_shapes("add"),
    **{f"_{name}_scalar": _scalar(*how) for name, how in _SCALAR.items()},
    "zeros_like": Operator(_constant_like("logical_and", 0.0), any_rank=True, becomes=("logical_and",)),
    "ones_like": Operator(_constant_like("logical_or", 1.0), any_rank=True, becomes=("logical_or",)),
    "add_n": Operator(_add_n, NUM_ARGS, 1, None, becomes=("add", "identity")),
    "clip": Operator(_clip, {"a_min": Field("float"), "a_max": Field("float")}, any_rank=True, becomes=("clip",)),
    "Cast": Operator(_cast, {"dtype": Field("dtype")}, any_rank=True, becomes=("cast",)),
    "amp_cast": Operator(_amp_cast, {"dtype": Field("dtype")}, becomes=("cast", "identity")),
    "amp_multicast": Operator(
        _amp_multicast,
        {"num_outputs": Field("int", low=1, high=MAX_OUTPUTS), "cast_narrow": IGNORED},
        1,
        None,
        outputs=lambda attrs: numbered_outputs(attrs["num_outputs"]),
        becomes=("cast", "identity"),
    ),
    "where": Operator(_where, None, 3, 3, becomes=("where",)),
    "_copy": Operator(identity, any_rank=True, becomes=("identity",)),
    "_identity_with_attr_like_rhs": Operator(identity, None, 2, 2, becomes=("identity",)),
    "_contrib_gradientmultiplier": Operator(identity, {"scalar": IGNORED}, becomes=("identity",)),
    "cast_storage": Operator(identity, {"stype": enum("default", "csr", "row_sparse")}, refuse=_refuse_sparse, becomes=("identity",)),
}
