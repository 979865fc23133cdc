"""What ONNX has of the IR: one row for every operator and every step, with the operators of ONNX that it becomes or the reason why there are none.

ONNX has an operator where its specification takes the types and ONNX Runtime has a kernel for them; nothing here promises more than that. Values of bf16 are
computed in f32 and integers of 8 bits and booleans in i32, between casts, which is what the IR says of both; so what matters here are floats and integers.
"""

import math

from ngc.engines.forms import Form, Refusal, why_not
from ngc.engines.operator_forms import FAMILIES
from ngc.engines.rows import onnx_floats, onnx_up_to_f32
from ngc.ir import Node, Step, SymDim
from ngc.ir.ops.elementwise import BINARY
from ngc.ir.unary import INTEGER_EXACT, UNARY

_INTEGERS = ("i8", "u8", "i32", "i64")


def _layer(node: Node) -> str | None:
    return None if node.inputs[0].type.dtype == "u8" else onnx_up_to_f32(node)


def _dense(node: Node) -> str | None:
    return None if node.inputs[0].type.dtype == "u8" else onnx_floats(node)


def _eltwise(node: Node) -> str | None:
    return None if node.inputs[0].type.dtype == "u8" and node.attrs["result"] else onnx_floats(node)


def _pool(node: Node) -> str | None:
    dtype, rank = node.inputs[0].type.dtype, len(node.attrs["kernel"])
    if rank > 3:
        return f"ONNX Runtime has no pooling over {rank} dimensions"
    if node.attrs["kind"] != "max":
        return _layer(node)
    if dtype == "i64":
        return "max pooling of i64 has no form in ONNX, and f64 does not hold its integers"
    return onnx_floats(node) if node.attrs["epilogue"] else None


def _layer_norm(node: Node) -> str | None:
    return "layer normalization of ONNX holds its epsilon in f32, which f64 can tell" if node.inputs[0].type.dtype == "f64" else None


def _lrn(node: Node) -> str | None:
    if node.attrs["alpha"] <= 0 or node.attrs["beta"] <= 0:
        return f"LRN of ONNX Runtime takes alpha and beta above 0, not {node.attrs['alpha']:g} and {node.attrs['beta']:g}"
    return onnx_up_to_f32(node)


def _not_bool(node: Node) -> str | None:
    return f"{node.op} of bool means nothing" if node.inputs[0].type.dtype == "bool" else None


def _power(node: Node) -> str | None:
    dtype = node.inputs[0].type.dtype
    return f"power of {dtype} is INT_MIN where it overflows, and ONNX Runtime wraps it" if dtype in _INTEGERS else None


def _product(node: Node) -> str | None:
    dtype = node.inputs[0].type.dtype
    return f"products of {dtype} wrap, and ONNX Runtime, which takes them in f64, does not" if dtype in _INTEGERS else None


def _sum(node: Node) -> str | None:
    """Returns why a sum has no form: ONNX Runtime takes those of i64 in f64, which holds integers up to 2^53; 2^22 terms of 32 bits reach no further."""
    x = node.inputs[0].type
    terms = math.prod(dim for axis in node.attrs["axes"] if isinstance(dim := x.shape[axis], int))
    if x.dtype == "i64" or (x.dtype == "i32" and terms > 1 << 22):
        return f"{node.op} of {x.dtype} may pass 2^53, and ONNX Runtime takes it in f64"
    return None


def _broadcast_to(node: Node) -> str | None:
    x, shape = node.inputs[0].type.shape, node.attrs["shape"]
    source = (1,) * (len(shape) - len(x)) + x
    grown = any(isinstance(dim, SymDim) and dim != own for own, dim in zip(source, shape, strict=True))
    return "a dimension of one cannot be repeated N times: nothing in the operand says how large N is" if grown else None


_SINGLE = frozenset({"softrelu", "softsign", "leaky_relu", "elu", "selu", "gelu", "hard_sigmoid", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh",
                     "arcsinh", "arccosh", "arctanh", "erf"})
"""Functions that ONNX Runtime computes in f32 only."""

_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "relu": ("Relu", "Max"), "clip": ("Clip", "Max", "Min"), "sigmoid": ("Sigmoid",), "tanh": ("Tanh",), "softrelu": ("Softplus",), "softsign": ("Softsign",),
    "leaky_relu": ("LeakyRelu",), "elu": ("Elu",), "selu": ("Selu",), "gelu": ("Div", "Erf", "Add", "Mul"), "hard_sigmoid": ("HardSigmoid",),
    "swish": ("Mul", "Sigmoid"), "exp": ("Exp",), "log": ("Log",), "sqrt": ("Sqrt",), "square": ("Mul",), "abs": ("Abs",), "negative": ("Neg",),
    "sign": ("Sign",), "round": ("Abs", "Floor", "Sub", "GreaterOrEqual", "Add", "Where", "Sign", "Mul"),
    "rint": ("Ceil", "Sub", "GreaterOrEqual", "Where"), "ceil": ("Ceil",), "floor": ("Floor",), "trunc": ("Abs", "Floor", "Sign", "Mul"),
    "fix": ("Abs", "Floor", "Sign", "Mul"), "rsqrt": ("Sqrt", "Reciprocal"), "cbrt": ("Abs", "Pow", "Sign", "Mul"),
    "rcbrt": ("Abs", "Pow", "Sign", "Mul", "Reciprocal", "Equal", "Where"), "log10": ("Log", "Mul"), "log2": ("Log", "Mul"),
    "log1p": ("Add", "Log", "Sub", "Equal", "Where", "Div", "Mul"), "expm1": ("Mul", "Tanh", "Sub", "Div", "Exp", "Abs", "Less", "Where"),
    "sin": ("Sin",), "cos": ("Cos",), "tan": ("Tan",), "arcsin": ("Asin",), "arccos": ("Acos",), "arctan": ("Atan",), "sinh": ("Sinh",), "cosh": ("Cosh",),
    "arcsinh": ("Asinh",), "arccosh": ("Acosh",), "arctanh": ("Atanh",), "degrees": ("Mul",), "radians": ("Mul",), "reciprocal": ("Reciprocal",),
    "erf": ("Erf",), "logical_not": ("Equal",), "smooth_l1": ("Abs", "Less", "Mul", "Sub", "Where"),
}

_NO_FUNCTION = {"erfinv": "ONNX has no inverse error function", "gamma": "ONNX has no gamma function", "gammaln": "ONNX has no logarithm of the gamma function"}

_ARITHMETIC: dict[str, tuple[str, ...]] = {
    "add": ("Add",), "sub": ("Sub",), "mul": ("Mul",), "div": ("Div", "Equal", "Or", "Where", "Neg"),
    "mod": ("Mod", "Equal", "Or", "Where", "Less", "Xor", "Not", "And", "Add"),
    "power": ("Pow",), "maximum": ("Max",), "minimum": ("Min",), "hypot": ("Abs", "Max", "Min", "Equal", "Or", "Where", "Div", "Mul", "Add", "Sqrt"),
    "equal": ("Equal",), "not_equal": ("Equal", "Not"), "greater": ("Greater",), "greater_equal": ("GreaterOrEqual",), "lesser": ("Less",),
    "lesser_equal": ("LessOrEqual",), "logical_and": ("And",), "logical_or": ("Or",), "logical_xor": ("Xor",),
}


def _function(name: str) -> Form:
    """Returns the row of an element-wise function of one argument."""
    if name in _NO_FUNCTION:
        return Form(reason=_NO_FUNCTION[name])
    refuse: Refusal | None = _not_bool if name in ("negative", "sign") else None
    if name not in INTEGER_EXACT:
        refuse = onnx_up_to_f32 if name in _SINGLE else onnx_floats
    return Form(_FUNCTIONS[name], refuse=refuse)


_MOVED = Form(("Identity",))

ONNX_FORMS: dict[str, Form] = {
    "const": Form(("Constant",)),
    "identity": _MOVED,
    "dropout": _MOVED,
    "eltwise": Form(("DequantizeLinear", "QuantizeLinear"), refuse=_eltwise),
    "reorder": Form(reason="memory layouts are those of ngc's CPU kernels, and only lowered graphs have them"),
    "engine.call": Form(reason="it is already the call of an engine"),
    **{f"conv{rank}d": Form(("Conv", "DequantizeLinear", "QuantizeLinear"), refuse=_layer) for rank in (1, 2, 3)},
    **{f"deconv{rank}d": Form(("ConvTranspose", "Pad", "Slice", "QuantizeLinear"), refuse=onnx_up_to_f32) for rank in (1, 2, 3)},
    "separable_conv2d": Form(("Conv", "QuantizeLinear"), refuse=_layer),
    "dense": Form(("Gemm", "MatMul", "Transpose", "Add", "DequantizeLinear", "QuantizeLinear"), refuse=_dense),
    "batch_norm": Form(("BatchNormalization", "Reshape", "Add", "Sqrt", "Div", "Sub", "Mul"), refuse=onnx_floats),
    "group_norm": Form(("InstanceNormalization", "Reshape", "Mul", "Add"), refuse=onnx_up_to_f32),
    "lrn": Form(("LRN", "Reshape"), refuse=_lrn),
    "layer_norm": Form(("LayerNormalization", "Transpose"), refuse=_layer_norm),
    "softmax": Form(("Softmax", "Div", "Less", "Where"), refuse=onnx_floats),
    "log_softmax": Form(("LogSoftmax", "Div"), refuse=onnx_floats),
    "pool": Form(("MaxPool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool", "Pad", "Mul", "Abs", "Pow", "Sign", "DequantizeLinear",
                  "QuantizeLinear"), refuse=_pool),
    **{name: _function(name) for name in UNARY},
    **{name: Form(_ARITHMETIC[name], refuse={"sub": _not_bool, "power": _power}.get(name)) for name in BINARY},
    "prelu": Form(("PRelu", "Greater", "Mul", "Where", "Reshape")),
    "where": Form(("Where", "Reshape")),
    "cast": Form(("Cast",)),
    "reshape": Form(("Reshape",)),
    "transpose": Form(("Transpose",)),
    "concat": Form(("Concat",)),
    "slice": Form(("Slice",)),
    "pad": Form(("Pad",)),
    "upsample": Form(("Resize", "Reshape", "Expand")),
    "broadcast_to": Form(("Expand",), refuse=_broadcast_to),
    "reduce_sum": Form(("ReduceSum",), refuse=_sum),
    "reduce_mean": Form(("ReduceMean", "ReduceSum", "Size", "Div"), refuse=_sum),
    "reduce_prod": Form(("ReduceProd",), refuse=_product),
    "reduce_max": Form(("ReduceMax",)),
    "reduce_min": Form(("ReduceMin",)),
    "reduce_l1": Form(("ReduceL1", "Abs", "ReduceSum"), refuse=_sum),
    "reduce_l2": Form(("ReduceL2", "Mul", "ReduceSum", "Sqrt")),
    "quantize": Form(("QuantizeLinear",)),
    "dequantize": Form(("DequantizeLinear",)),
    **{name: form for family in FAMILIES for name, form in family.ONNX.items()},
}
"""Every operator of the IR. Beside the operators of a row, casts stand where ONNX computes in another type than the IR stores, and reshapes where it aligns
axes differently. Steps add theirs, `ONNX_STEPS`."""

ONNX_STEPS: dict[str, Form] = {
    "bias": Form(("Add",)),
    "affine": Form(("Mul", "Add")),
    "prelu": Form(("PRelu", "Greater", "Mul", "Where")),
    "add": Form(("Add",)),
    "multiply": Form(("Mul",)),
    "add_scaled": Form(("Mul", "Add")),
    "scale": Form(("Mul", "Add")),
    "tee": _MOVED,
    **{name: Form(_FUNCTIONS[name]) for name, definition in UNARY.items() if definition.is_activation},
}
"""Every step. A first bias is an operand of its layer where that takes one."""


def why_no_onnx(node: Node) -> str | None:
    """Returns why a node has no form in ONNX, None where it has one."""
    reason = why_not(ONNX_FORMS, node)
    if reason is not None:
        return reason
    steps: tuple[Step, ...] = (*node.attrs.get("prologue", ()), *node.attrs.get("epilogue", ()))
    if node.inputs and node.inputs[0].type.dtype == "f64":
        return next((f"ONNX Runtime has no {step.kind} of f64" for step in steps if step.kind in _SINGLE), None)
    return None
