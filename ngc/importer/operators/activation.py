"""Activations, the softmax family and the output layers of training losses."""

import logging
from collections.abc import Callable

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator, identity
from ngc.ir import Value
from ngc.ir.tensor_type import FLOATS, product

logger = logging.getLogger(__name__)


def _activation(conversion: Conversion) -> list[Value]:
    return [conversion.op(conversion.attrs["act_type"], conversion.data)]


def _leaky_relu(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    kind = attrs["act_type"]
    wanted = 2 if kind == "prelu" else 1
    if len(conversion.inputs) != wanted:
        raise conversion.fail(f"{len(conversion.inputs)} inputs with act_type={kind}, expected {wanted}")
    match kind:
        case "prelu":
            return [conversion.op("prelu", conversion.data, _prelu_slopes(conversion))]
        case "leaky":
            return [conversion.op("leaky_relu", conversion.data, slope=attrs["slope"])]
        case "rrelu":  # random in training only: inference takes the middle of the range
            slope = (attrs["lower_bound"] + attrs["upper_bound"]) / 2
            return [conversion.op("leaky_relu", conversion.data, slope=slope)]
        case "elu":
            return [conversion.op("elu", conversion.data, slope=attrs["slope"])]
    return [conversion.op(kind, conversion.data)]


def _prelu_slopes(conversion: Conversion) -> Value:
    slopes = conversion.inputs[1]
    if conversion.rank < 2:
        raise conversion.fail("prelu needs data of 2 dimensions or more")
    channels = conversion.shape[1]
    if slopes.type.shape not in ((1,), (1, 1), (channels,), (1, channels)):
        conversion.expect_shape(slopes, (channels,), "slope")
    return conversion.reshape(slopes, slopes.type.shape[-1:], part="slopes")


def _softmax_over(op: str) -> Callable[[Conversion], list[Value]]:
    def convert(conversion: Conversion) -> list[Value]:
        attrs = conversion.attrs
        data = conversion.data
        if data.type.dtype not in FLOATS:
            raise conversion.fail(f"{op} needs floating-point data, not {data.type.dtype}")
        if op == "softmin":
            data = conversion.op("negative", data, part="negative")
        temperature = 1.0 if attrs["temperature"] is None else attrs["temperature"]
        if temperature == 0:
            raise conversion.fail("temperature = 0: expected another number")
        cast = attrs["dtype"] is not None and attrs["dtype"] != data.type.dtype
        result = conversion.op(
            "log_softmax" if op == "log_softmax" else "softmax",
            data,
            *_lengths(conversion),
            part="wide" if cast else "",
            axis=conversion.axis(attrs["axis"]),
            temperature=temperature,
        )
        return [conversion.op("cast", result, dtype=attrs["dtype"])] if cast else [result]

    return convert


def _lengths(conversion: Conversion) -> tuple[Value, ...]:
    """Returns the lengths that softmax is given, if any; without `use_length` a second operand plays no part."""
    if not conversion.attrs["use_length"]:
        return ()
    if len(conversion.inputs) != 2:
        raise conversion.fail("1 input with use_length=True, expected data and length")
    axis, length = conversion.axis(conversion.attrs["axis"]), conversion.inputs[1]
    conversion.expect_shape(length, (*conversion.shape[:axis], *conversion.shape[axis + 1:]), "length")
    if length.type.dtype not in ("i32", "i64"):
        raise conversion.fail(f"lengths of {length.type.dtype}, expected int32 or int64")
    return (length,)


def _refuse_length(op: str) -> Callable[[Attributes], str | None]:
    def refuse(attrs: Attributes) -> str | None:
        return "use_length=True, which MXNet knows of softmax alone" if attrs["use_length"] and op != "softmax" else None

    return refuse


def _softmax_output(conversion: Conversion) -> list[Value]:
    attrs, shape = conversion.attrs, conversion.shape
    if conversion.rank < 2:
        raise conversion.fail("needs data of 2 dimensions or more")
    if attrs["multi_output"] or conversion.rank == 2:
        return [conversion.op("softmax", conversion.data, axis=1)]
    if attrs["preserve_shape"]:
        return [conversion.op("softmax", conversion.data, axis=conversion.rank - 1)]
    logger.warning(
        "%s: %s: softmax over all of %d trailing dimensions, as MXNet documents it and its native kernels "
        "compute it; its oneDNN kernels take the last one only",
        conversion.source,
        conversion.node,
        conversion.rank - 1,
    )
    flat = conversion.reshape(conversion.data, (shape[0], product(shape[1:])), part="flat")
    return [conversion.reshape(conversion.op("softmax", flat, part="softmax", axis=1), shape)]


def _softmax_activation(conversion: Conversion) -> list[Value]:
    if conversion.attrs["mode"] == "channel":
        if conversion.rank < 3:
            raise conversion.fail("mode=channel needs data of 3 dimensions or more")
        return [conversion.op("softmax", conversion.data, axis=1)]
    return [conversion.op("softmax", conversion.data, axis=conversion.rank - 1)]


def _sigmoid(conversion: Conversion) -> list[Value]:
    return [conversion.op("sigmoid", conversion.data)]


def _hard_sigmoid(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    return [conversion.op("hard_sigmoid", conversion.data, alpha=attrs["alpha"], beta=attrs["beta"])]


def _smooth_l1(conversion: Conversion) -> list[Value]:
    if conversion.attrs["scalar"] == 0:
        raise conversion.fail("scalar = 0: expected another number")
    return [conversion.op("smooth_l1", conversion.data, scalar=conversion.attrs["scalar"])]


_SOFTMAX = {
    "axis": Field("int", -1),
    "temperature": Field("double", None, optional=True),
    "dtype": Field("dtype", None, optional=True),
    "use_length": Field("bool", False, optional=True),
}
_REGRESSION = {"grad_scale": IGNORED}

_SOFTMAX_PARTS = {
    "softmax": ("softmax", "cast"),
    "log_softmax": ("log_softmax", "cast"),
    "softmin": ("negative", "softmax", "cast"),
}

OPERATORS = {
    "Activation": Operator(
        _activation, {"act_type": enum("relu", "sigmoid", "tanh", "softrelu", "softsign")},
        becomes=("relu", "sigmoid", "tanh", "softrelu", "softsign"),
    ),
    "LeakyReLU": Operator(
        _leaky_relu,
        {
            "act_type": enum("leaky", "elu", "selu", "gelu", "prelu", "rrelu", default="leaky"),
            "slope": Field("float", 0.25),
            "lower_bound": Field("float", 0.125),
            "upper_bound": Field("float", 0.334),
        },
        1,
        2,
        becomes=("leaky_relu", "elu", "selu", "gelu", "prelu", "reshape"),
    ),
    **{
        name: Operator(_softmax_over(name), _SOFTMAX, 1, 2, _refuse_length(name), becomes=parts)
        for name, parts in _SOFTMAX_PARTS.items()
    },
    "SoftmaxOutput": Operator(
        _softmax_output,
        {
            "grad_scale": IGNORED,
            "ignore_label": IGNORED,
            "multi_output": Field("bool", False),
            "use_ignore": IGNORED,
            "preserve_shape": Field("bool", False),
            "normalization": IGNORED,
            "out_grad": IGNORED,
            "smooth_alpha": IGNORED,
        },
        1,
        2,
        becomes=("softmax", "reshape"),
    ),
    "SoftmaxActivation": Operator(
        _softmax_activation, {"mode": enum("instance", "channel", default="instance")},
        becomes=("softmax",),
    ),
    "LogisticRegressionOutput": Operator(_sigmoid, _REGRESSION, 1, 2, becomes=("sigmoid",)),
    "LinearRegressionOutput": Operator(identity, _REGRESSION, 1, 2, becomes=("identity",)),
    "MAERegressionOutput": Operator(identity, _REGRESSION, 1, 2, becomes=("identity",)),
    "SVMOutput": Operator(
        identity, {"margin": IGNORED, "regularization_coefficient": IGNORED, "use_linear": IGNORED}, 1, 2,
        becomes=("identity",),
    ),
    "MakeLoss": Operator(
        identity, {"grad_scale": IGNORED, "valid_thresh": IGNORED, "normalization": IGNORED},
        becomes=("identity",),
    ),
    "make_loss": Operator(identity, outputs=lambda attrs: ("loss",), becomes=("identity",)),
    "BlockGrad": Operator(identity, becomes=("identity",)),
    "hard_sigmoid": Operator(_hard_sigmoid, {"alpha": Field("float", 0.2), "beta": Field("float", 0.5)}, becomes=("hard_sigmoid",)),
    "smooth_l1": Operator(_smooth_l1, {"scalar": Field("float", 1.0), "is_int": IGNORED}, becomes=("smooth_l1",)),
}
