"""Batch, layer, instance, group, L2 and local response normalization, and dropout."""

from collections.abc import Sequence

import numpy as np

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape

_BATCH_NORM = {
    "eps": Field("double", 1e-3),
    "momentum": IGNORED,
    "fix_gamma": Field("bool", True),
    "use_global_stats": IGNORED,
    "output_mean_var": Field("bool", False),
}
_BATCH_NORM_CURRENT = {
    **_BATCH_NORM,
    "axis": Field("int", 1),
    "cudnn_off": IGNORED,
    "min_calib_range": IGNORED,
    "max_calib_range": IGNORED,
}


def _batch_norm(conversion: Conversion) -> Sequence[Value | None]:
    attrs = conversion.attrs
    axis = conversion.axis(attrs.get("axis", 1))
    channels = conversion.shape[axis]
    for value, what in zip(
        conversion.inputs[1:], ("gamma", "beta", "moving mean", "moving variance"), strict=True
    ):
        conversion.expect_shape(value, (channels,), what)
    # MXNet stores 1 into a fixed gamma when it runs; a symbol may come with anything in it.
    result = conversion.op(
        "batch_norm", *conversion.inputs, eps=attrs["eps"], fix_gamma=attrs["fix_gamma"], axis=axis
    )
    mean, var = conversion.inputs[3:]
    if conversion.node.op == "BatchNorm_v1":
        return [result, mean, var]
    if 2 not in conversion.needed:
        return [result, mean, None]
    # The output named `_var` is 1/sqrt(var + eps) in all versions but the first.
    shifted = conversion.op("add", var, part="var_eps", scalar=attrs["eps"])
    return [result, mean, conversion.op("rsqrt", shifted, part="var")]


def _layer_norm(conversion: Conversion) -> Sequence[Value | None]:
    attrs = conversion.attrs
    axis = conversion.axis(attrs["axis"])
    for value, what in zip(conversion.inputs[1:], ("gamma", "beta"), strict=True):
        conversion.expect_shape(value, (conversion.shape[axis],), what)
    # MXNet holds eps in single precision, which doubles can tell.
    eps = float(np.float32(attrs["eps"])) if conversion.data.type.dtype == "f64" else attrs["eps"]
    result = conversion.op("layer_norm", *conversion.inputs, axis=axis, eps=eps)
    mean = deviation = None
    if conversion.needed & {1, 2}:
        mean = conversion.op("reduce_mean", conversion.data, part="mean", axes=(axis,), keepdims=True)
    if mean is not None and 2 in conversion.needed:
        square = conversion.op("square", conversion.op("sub", conversion.data, mean, part="centred"), part="square")
        variance = conversion.op("reduce_mean", square, part="variance", axes=(axis,), keepdims=True)
        deviation = conversion.op("sqrt", conversion.op("add", variance, part="shifted", scalar=eps), part="std")
    return [result, mean, deviation]


def _lrn(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    return [
        conversion.op(
            "lrn",
            conversion.data,
            alpha=attrs["alpha"],
            beta=attrs["beta"],
            knorm=attrs["knorm"],
            size=attrs["nsize"],
        )
    ]


def _instance_norm(conversion: Conversion) -> list[Value]:
    channels = conversion.fixed(conversion.shape[1], "the number of channels")
    for value, what in zip(conversion.inputs[1:], ("gamma", "beta"), strict=True):
        conversion.expect_shape(value, (channels,), what)
    return [conversion.op("group_norm", *conversion.inputs, groups=channels, eps=conversion.attrs["eps"])]


def _group_norm(conversion: Conversion) -> list[Value]:
    """MXNet 1.9 has one gamma and beta a group, 2.0 one a channel; the IR has one a channel."""
    groups, channels = conversion.attrs["num_groups"], conversion.fixed(conversion.shape[1], "the number of channels")
    if channels % groups:
        raise conversion.fail(f"num_groups = {groups} does not divide {channels} channels")
    scales = []
    for value, what in zip(conversion.inputs[1:], ("gamma", "beta"), strict=True):
        if value.type.shape != (channels,):
            conversion.expect_shape(value, (groups,), what)
            column = conversion.reshape(value, (groups, 1), part=f"{what}_column")
            wide = conversion.op("broadcast_to", column, part=f"{what}_wide", shape=(groups, channels // groups))
            value = conversion.reshape(wide, (channels,), part=f"{what}_channels")
        scales.append(value)
    return [conversion.op("group_norm", conversion.data, *scales, groups=groups, eps=conversion.attrs["eps"])]


def _refuse_statistics(attrs: Attributes) -> str | None:
    return "output_mean_var=True, which returns statistics" if attrs["output_mean_var"] else None


def _l2_normalization(conversion: Conversion) -> list[Value]:
    """data / sqrt(sum(data * data) + eps); the norm is exact to f32 before its square is."""
    conversion.expect_floats("MXNet takes no others")
    mode = conversion.attrs["mode"]
    if mode != "instance" and conversion.rank < 3:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)} with mode={mode}, expected 3 dimensions or more")
    axes = {"instance": range(1, conversion.rank), "channel": (1,), "spatial": range(2, conversion.rank)}[mode]
    norm = conversion.op("reduce_l2", conversion.data, part="norm", axes=tuple(axes), keepdims=True)
    shifted = conversion.op("add", conversion.op("square", norm, part="square"), part="shifted", scalar=conversion.attrs["eps"])
    return [conversion.op("mul", conversion.data, conversion.op("rsqrt", shifted, part="inverse"))]


def _dropout(conversion: Conversion) -> list[Value]:
    return [conversion.op("dropout", conversion.data, p=conversion.attrs["p"])]


def _refuse_dropout(attrs: Attributes) -> str | None:
    return "mode=always, which drops at inference too" if attrs["mode"] == "always" else None


def _batch_norm_outputs(attrs: Attributes) -> tuple[str, ...]:
    return ("output", "mean", "var")


_BATCH_NORM_PARTS = ("batch_norm", "add", "rsqrt")


def _batch_norm_operator(**more: Field) -> Operator:
    schema = {**_BATCH_NORM, **more}
    return Operator(_batch_norm, schema, 5, 5, outputs=_batch_norm_outputs, becomes=_BATCH_NORM_PARTS)


OPERATORS = {
    "BatchNorm": Operator(_batch_norm, _BATCH_NORM_CURRENT, 5, 5, outputs=_batch_norm_outputs, becomes=_BATCH_NORM_PARTS),
    "BatchNorm_v1": _batch_norm_operator(),
    "CuDNNBatchNorm": _batch_norm_operator(axis=Field("int", 1), cudnn_off=IGNORED),
    "_contrib_SyncBatchNorm": _batch_norm_operator(ndev=IGNORED, key=IGNORED),
    "LayerNorm": Operator(
        _layer_norm,
        {"axis": Field("int", -1), "eps": Field("float", 1e-5), "output_mean_var": Field("bool", False)},
        3,
        3,
        outputs=lambda attrs: ("output", "mean", "std"),
        becomes=("layer_norm", "reduce_mean", "sub", "square", "add", "sqrt"),
    ),
    "LRN": Operator(
        _lrn,
        {
            "alpha": Field("float", 1e-4),
            "beta": Field("float", 0.75),
            "knorm": Field("float", 2.0),
            "nsize": Field("int", low=1),
        },
        becomes=("lrn",),
    ),
    "InstanceNorm": Operator(_instance_norm, {"eps": Field("float", 1e-3)}, 3, 3, becomes=("group_norm",)),
    "GroupNorm": Operator(
        _group_norm,
        {"num_groups": Field("int", 1, low=1), "eps": Field("float", 1e-5), "output_mean_var": Field("bool", False)},
        3,
        3,
        _refuse_statistics,
        becomes=("group_norm", "reshape", "broadcast_to"),
    ),
    "L2Normalization": Operator(
        _l2_normalization,
        {"eps": Field("float", 1e-10), "mode": enum("instance", "channel", "spatial", default="instance")},
        becomes=("reduce_l2", "square", "add", "rsqrt", "mul"),
    ),
    "Dropout": Operator(
        _dropout,
        {
            "p": Field("float", 0.5),
            "mode": enum("training", "always", default="training"),
            "axes": Field("shape", ()),
            "cudnn_off": IGNORED,
        },
        refuse=_refuse_dropout,
        becomes=("dropout",),
    ),
}
