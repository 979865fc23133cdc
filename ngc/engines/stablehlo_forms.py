"""How StableHLO writes every operator of the IR, or why it does not: the support table of AWS Neuron.

The modules are for a compiler that knows fixed shapes only, computes in f32 and 16-bit floats, and counts in 32 bits; so these are limits of the table
too. `emit_stablehlo` writes what is promised here.
"""

from collections.abc import Iterator

from ngc.engines.forms import Form, why_not
from ngc.engines.operator_forms import FAMILIES
from ngc.engines.rows import STABLEHLO_FLOATS, STABLEHLO_NARROW_INTEGERS, stablehlo_dtypes, stablehlo_floats, stablehlo_numbers
from ngc.engines.rows import stablehlo_form as _form
from ngc.ir import Node, SymDim, TensorType
from ngc.ir.ops.elementwise import BINARY
from ngc.ir.ops.reduce import REDUCTIONS
from ngc.ir.unary import INTEGER_EXACT, UNARY

NOTHING = "nothing"
"""The form of an operator that is its operand."""

SHAPING = frozenset({"stablehlo.constant", "stablehlo.convert", "stablehlo.broadcast_in_dim", "stablehlo.reshape", "stablehlo.slice"})
"""Operations that may stand around any of those that a row names."""


def why_no_type(type: TensorType) -> str | None:
    """Returns why no value of a type can be written, None where it can."""
    if any(isinstance(dim, SymDim) for dim in type.shape):
        return "its batch is N; Neuron compiles fixed shapes"
    if not type.layout.is_plain:
        return f"its data lies in the layout {type.layout} of ngc's own kernels"
    if type.dtype in ("f64", "i64"):
        return f"its data is {type.dtype}; Neuron computes in 32 bits"
    return None


def why_no_stablehlo(node: Node) -> str | None:
    """Returns why a node has no form in StableHLO, None where it has one."""
    for value in (*node.inputs, *node.outputs):
        if (reason := why_no_type(value.type)) is not None:
            return reason
    return why_not(STABLEHLO_FORMS, node)


_short_numbers = stablehlo_dtypes(STABLEHLO_FLOATS | STABLEHLO_NARROW_INTEGERS)


def _layer(node: Node) -> str | None:
    """Layers multiply floats, or u8 by i8; steps are done in f32."""
    data, weights = node.inputs[0].type.dtype, node.inputs[1].type.dtype
    if data in STABLEHLO_FLOATS or (data, weights) == ("u8", "i8"):
        return None
    return f"{node.op} of {data} has no form in StableHLO that gives the same numbers"


def _pool(node: Node) -> str | None:
    """Integers are only compared, those of u8 also summed as they are; steps are done in f32."""
    dtype = node.inputs[0].type.dtype
    if dtype in STABLEHLO_FLOATS or dtype == "u8" or (dtype in ("i8", "i32") and node.attrs["kind"] == "max" and not node.attrs["epilogue"]):
        return None
    return f"{node.attrs['kind']} pooling of {dtype} has no form in StableHLO that gives the same numbers"


def _softmax(node: Node) -> str | None:
    """Lengths are integers; what is normalized are floats."""
    dtype = node.inputs[0].type.dtype
    return None if dtype in STABLEHLO_FLOATS else f"{node.op} of {dtype} has no form in StableHLO that gives the same numbers"


_TRANSCENDENTAL: dict[str, tuple[str, ...]] = {
    "sigmoid": ("logistic",), "tanh": ("tanh",), "softrelu": ("maximum", "abs", "negate", "exponential", "log_plus_one", "add"),
    "softsign": ("abs", "add", "divide"), "leaky_relu": ("compare", "multiply", "select"),
    "elu": ("minimum", "exponential_minus_one", "multiply", "compare", "select"), "selu": ("minimum", "exponential_minus_one", "multiply", "compare", "select"),
    "gelu": ("chlo.erf", "multiply", "add"), "hard_sigmoid": ("multiply", "add", "maximum", "minimum"), "swish": ("multiply", "logistic"),
    "exp": ("exponential",), "log": ("log",), "sqrt": ("sqrt",), "rsqrt": ("rsqrt",), "cbrt": ("cbrt",), "rcbrt": ("cbrt", "divide"),
    "log10": ("log", "multiply"), "log2": ("log", "multiply"), "log1p": ("log_plus_one",), "expm1": ("exponential_minus_one",),
    "sin": ("sine",), "cos": ("cosine",), "tan": ("sine", "cosine", "divide"), "arcsin": ("chlo.asin",), "arccos": ("chlo.acos",), "arctan": ("chlo.atan",),
    "sinh": ("chlo.sinh",), "cosh": ("chlo.cosh",), "arcsinh": ("chlo.asinh",), "arccosh": ("chlo.acosh",), "arctanh": ("chlo.atanh",),
    "degrees": ("multiply",), "radians": ("multiply",), "reciprocal": ("divide",), "erf": ("chlo.erf",), "erfinv": ("chlo.erf_inv",),
    "gammaln": ("chlo.lgamma",), "smooth_l1": ("abs", "multiply", "compare", "subtract", "select"),
}
"""Functions that leave the integers."""

_EXACT: dict[str, tuple[str, ...]] = {
    "relu": ("maximum",), "clip": ("maximum", "minimum"), "square": ("multiply",), "abs": ("abs",), "negative": ("negate",), "sign": ("sign", "minimum"),
    "round": ("round_nearest_afz",), "rint": ("floor", "add", "compare", "select"), "ceil": ("ceil",), "floor": ("floor",),
    "trunc": ("compare", "ceil", "floor", "select"), "fix": ("compare", "ceil", "floor", "select"),
}
"""Functions of integers too."""

_BINARY: dict[str, tuple[str, ...]] = {
    "add": ("add",), "sub": ("subtract",), "mul": ("multiply",), "div": ("compare", "divide", "select"),
    "mod": ("compare", "select", "remainder", "and", "add"), "maximum": ("maximum",), "minimum": ("minimum",),
}

_FLOAT_BINARY: dict[str, tuple[str, ...]] = {
    "power": ("power",), "hypot": ("abs", "maximum", "minimum", "divide", "multiply", "add", "sqrt", "compare", "or", "select"),
}


def _unary_forms() -> Iterator[tuple[str, Form]]:
    for name in UNARY:
        if name == "gamma":
            yield name, Form(reason="StableHLO has no gamma function, and the exponential of its logarithm loses digits")
        elif name == "logical_not":
            yield name, _form("compare")
        else:
            yield name, _form(*_EXACT[name], refuse=stablehlo_numbers) if name in INTEGER_EXACT else _form(*_TRANSCENDENTAL[name], refuse=stablehlo_floats)


def _binary_forms() -> Iterator[tuple[str, Form]]:
    for name in BINARY:
        if name in _BINARY:
            yield name, _form(*_BINARY[name], refuse=stablehlo_numbers)
        elif name in _FLOAT_BINARY:
            yield name, _form(*_FLOAT_BINARY[name], refuse=stablehlo_floats)
        elif name.startswith("logical_"):
            yield name, _form("compare", name.removeprefix("logical_"))
        else:
            yield name, _form("compare")


def _reduction_forms() -> Iterator[tuple[str, Form]]:
    ops = {"reduce_sum": ("add",), "reduce_mean": ("add", "divide"), "reduce_prod": ("multiply",), "reduce_max": ("maximum",), "reduce_min": ("minimum",),
           "reduce_l1": ("abs", "add"), "reduce_l2": ("multiply", "add", "sqrt")}
    refuse = {"reduce_mean": _short_numbers, "reduce_l2": stablehlo_floats}
    for name in REDUCTIONS:
        yield name, _form("reduce", *ops[name], refuse=refuse.get(name, stablehlo_numbers))


_CONV = _form("convolution", "subtract", refuse=_layer)
_DECONV = _form("reverse", "transpose", "pad", "convolution", refuse=_layer)

STABLEHLO_FORMS: dict[str, Form] = {
    "const": Form(("func.func",)),
    "identity": Form((NOTHING,)),
    "dropout": Form((NOTHING,)),
    "eltwise": Form((NOTHING,), refuse=stablehlo_dtypes(STABLEHLO_FLOATS | {"u8"})),
    "reorder": Form(reason="it changes how data lies in the memory of ngc's own kernels"),
    "engine.call": Form(reason="it is an engine's region already"),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _CONV),
    **dict.fromkeys(("deconv1d", "deconv2d", "deconv3d"), _DECONV),
    "separable_conv2d": _form("convolution", refuse=_layer),
    "dense": _form("dot_general", "subtract", refuse=_layer),
    "batch_norm": _form("add", "sqrt", "divide", "multiply", "subtract", refuse=stablehlo_floats),
    "group_norm": _form("reduce", "add", "multiply", "subtract", "rsqrt", refuse=stablehlo_floats),
    "lrn": _form("multiply", "reduce_window", "add", "power", refuse=stablehlo_floats),
    "layer_norm": _form("reduce", "add", "divide", "subtract", "multiply", "sqrt", refuse=stablehlo_floats),
    "softmax": _form("divide", "reduce", "maximum", "subtract", "exponential", "add", "compare", "select", refuse=_softmax),
    "log_softmax": _form("divide", "reduce", "maximum", "subtract", "exponential", "add", "log", refuse=stablehlo_floats),
    "pool": _form("reduce_window", "maximum", "add", "multiply", "divide", "sqrt", "cbrt", refuse=_pool),
    **dict(_unary_forms()),
    **dict(_binary_forms()),
    "prelu": _form("compare", "multiply", "select", refuse=stablehlo_floats),
    "where": _form("compare", "select"),
    "cast": _form("compare", "and", "select"),
    "reshape": _form("reshape"),
    "transpose": _form("transpose"),
    "concat": _form("concatenate"),
    "slice": _form("reverse", "slice"),
    "pad": _form("pad", "reverse", "concatenate"),
    "upsample": _form("broadcast_in_dim", "reshape"),
    "broadcast_to": _form("broadcast_in_dim"),
    **dict(_reduction_forms()),
    "quantize": _form("compare", "select", "divide", "round_nearest_even", "add", "maximum", "minimum", refuse=stablehlo_floats),
    "dequantize": _form("subtract", "multiply"),
    **{name: form for family in FAMILIES for name, form in family.STABLEHLO.items()},
}
"""One row for each operator: the operations that may be written for it, besides those of `SHAPING` and of its steps."""

STABLEHLO_STEPS: dict[str, Form] = {
    "bias": _form("add"),
    "affine": _form("multiply", "add"),
    "prelu": _form("compare", "multiply", "select"),
    "add": _form("add"),
    "multiply": _form("multiply"),
    "add_scaled": _form("multiply", "add"),
    "scale": _form("multiply", "add"),
    "tee": Form((NOTHING,)),
    **{name: STABLEHLO_FORMS[name] for name, definition in UNARY.items() if definition.is_activation},
}
"""One row for each step; all are done in f32. A result of u8 adds those of `quantize`."""
