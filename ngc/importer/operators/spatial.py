"""Convolution, deconvolution, dense layers and upsampling."""

from typing import Any

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Dim, Step, Value
from ngc.ir.tensor_type import format_shape, product

_PLAIN_LAYOUTS = ("NCW", "NCHW", "NCDHW")
_BIAS = (Step("bias"),)

_CONVOLUTION = {
    "kernel": Field("shape"),
    "stride": Field("shape", ()),
    "dilate": Field("shape", ()),
    "pad": Field("shape", ()),
    "num_filter": Field("int", low=1),
    "num_group": Field("int", 1, low=1),
    "workspace": IGNORED,
    "no_bias": Field("bool", False),
    "cudnn_tune": IGNORED,
    "cudnn_off": IGNORED,
    "layout": enum("NCW", "NCHW", "NCDHW", "NHWC", "NDHWC", default=None, optional=True),
}
_DECONVOLUTION = {
    **_CONVOLUTION,
    "no_bias": Field("bool", True),
    "adj": Field("shape", ()),
    "target_shape": Field("shape", ()),
}


def refuse_layout(attrs: Attributes) -> str | None:
    """Refuses the channels-last layouts, which exist in CUDA builds of MXNet only."""
    layout = attrs["layout"]
    return None if layout in (None, *_PLAIN_LAYOUTS) else f"layout={layout}"


def spatial_attr(
    conversion: Conversion, key: str, rank: int, default: int, least: int = 0
) -> tuple[int, ...]:
    """Returns an attribute of one number per spatial dimension; () stands for the default."""
    values: tuple[int, ...] = conversion.attrs[key] or (default,) * rank
    if len(values) != rank or min(values) < least:
        raise conversion.fail(f"{key} = {values}: expected {rank} numbers of at least {least}")
    return values


def _kernel(conversion: Conversion) -> tuple[int, ...]:
    kernel: tuple[int, ...] = conversion.attrs["kernel"]
    if len(kernel) not in (1, 2, 3) or min(kernel) < 1:
        raise conversion.fail(f"kernel = {kernel}: expected 1, 2 or 3 numbers of at least 1")
    if conversion.rank != len(kernel) + 2:
        raise conversion.fail(
            f"data of shape {format_shape(conversion.shape)} does not fit kernel {kernel}; "
            f"expected {len(kernel) + 2} dimensions"
        )
    return kernel


def _weighted(
    conversion: Conversion, op: str, weight: tuple[Dim, ...], data: Value, **attrs: Any
) -> list[Value]:
    """Appends an operator with weights and, unless no_bias says otherwise, a bias per output channel."""
    no_bias = conversion.attrs["no_bias"]
    if len(conversion.inputs) != (2 if no_bias else 3):
        raise conversion.fail(
            f"{len(conversion.inputs)} inputs with no_bias={no_bias}, expected data, weight"
            f"{'' if no_bias else ', bias'}"
        )
    conversion.expect_shape(conversion.inputs[1], weight, "weight")
    if no_bias:
        return [conversion.op(op, data, conversion.inputs[1], **attrs)]
    outputs = conversion.attrs["num_hidden" if op == "dense" else "num_filter"]
    conversion.expect_shape(conversion.inputs[2], (outputs,), "bias")
    return [conversion.op(op, data, *conversion.inputs[1:], epilogue=_BIAS, **attrs)]


def _convolution(conversion: Conversion) -> list[Value]:
    kernel = _kernel(conversion)
    rank, groups, filters = len(kernel), conversion.attrs["num_group"], conversion.attrs["num_filter"]
    channels = conversion.fixed(conversion.shape[1], "the number of channels")
    if channels % groups or filters % groups:
        raise conversion.fail(
            f"num_group = {groups} divides not both {channels} channels and {filters} filters"
        )
    return _weighted(
        conversion,
        f"conv{rank}d",
        (filters, channels // groups, *kernel),
        conversion.data,
        stride=spatial_attr(conversion, "stride", rank, 1, 1),
        pad=spatial_attr(conversion, "pad", rank, 0),
        dilate=spatial_attr(conversion, "dilate", rank, 1, 1),
        groups=groups,
    )


def _deconvolution(conversion: Conversion) -> list[Value]:
    kernel = _kernel(conversion)
    rank, groups, filters = len(kernel), conversion.attrs["num_group"], conversion.attrs["num_filter"]
    channels = conversion.fixed(conversion.shape[1], "the number of channels")
    if channels % groups or filters % groups:
        raise conversion.fail(
            f"num_group = {groups} divides not both {channels} channels and {filters} filters"
        )
    stride = spatial_attr(conversion, "stride", rank, 1, 1)
    dilate = spatial_attr(conversion, "dilate", rank, 1, 1)
    pad = spatial_attr(conversion, "pad", rank, 0)
    adj = spatial_attr(conversion, "adj", rank, 0)
    if conversion.attrs["target_shape"]:
        # The target wins: pad and adj as given play no part.
        target = spatial_attr(conversion, "target_shape", rank, 0, 1)
        sizes = [conversion.fixed(size, "a spatial dimension") for size in conversion.shape[2:]]
        total = [
            s * (size - 1) + d * (k - 1) + 1 - wanted
            for size, k, s, d, wanted in zip(sizes, kernel, stride, dilate, target, strict=True)
        ]
        if min(total) < 0:
            raise conversion.fail(f"target_shape = {target} is larger than the deconvolution's whole output")
        pad, adj = tuple((t + 1) // 2 for t in total), tuple(t % 2 for t in total)
    elif any(a >= s for a, s in zip(adj, stride, strict=True)):
        raise conversion.fail(f"adj = {adj}: expected less than the stride {stride}")
    return _weighted(
        conversion,
        f"deconv{rank}d",
        (channels, filters // groups, *kernel),
        conversion.data,
        stride=stride,
        pad=pad,
        dilate=dilate,
        adj=adj,
        groups=groups,
    )


def _fully_connected(conversion: Conversion) -> list[Value]:
    data = conversion.data
    if conversion.attrs["flatten"] and conversion.rank != 2:
        batch, rest = conversion.shape[0], product(conversion.shape[1:])
        data = conversion.reshape(data, (batch, rest), part="flatten")
    inner = conversion.fixed(data.type.shape[-1], "the last dimension")
    return _weighted(conversion, "dense", (conversion.attrs["num_hidden"], inner), data)


def _upsampling(conversion: Conversion) -> list[Value]:
    if conversion.rank != 4:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected 4 dimensions")
    scale = conversion.attrs["scale"]
    if conversion.attrs["sample_type"] == "bilinear":
        return _upsample_bilinear(conversion, scale)
    wanted = [conversion.fixed(size, "a spatial dimension") * scale for size in conversion.shape[2:]]
    parts = []
    for index, value in enumerate(conversion.inputs):
        sizes = [conversion.fixed(size, "a spatial dimension") for size in value.type.shape[2:]]
        if len(sizes) != 2 or any(target % size for target, size in zip(wanted, sizes, strict=True)):
            raise conversion.fail(
                f"input {index} of shape {format_shape(value.type.shape)} cannot be repeated to {wanted}"
            )
        factors = tuple(target // size for target, size in zip(wanted, sizes, strict=True))
        part = f"part{index}" if len(conversion.inputs) > 1 else ""
        parts.append(conversion.op("upsample", value, part=part, scale=factors))
    if len(parts) == 1:
        return parts
    if conversion.attrs["multi_input_mode"] == "concat":
        return [conversion.op("concat", *parts, axis=1)]
    return [add_all(conversion, parts)]


def add_all(conversion: Conversion, values: list[Value]) -> Value:
    """Returns the sum of values of one shape, added from the left."""
    total = values[0]
    for index, value in enumerate(values[1:], 2):
        conversion.expect_shape(value, total.type.shape, "sum")
        total = conversion.op("add", total, value, part="" if index == len(values) else f"sum{index}")
    return total


def _upsample_bilinear(conversion: Conversion, scale: int) -> list[Value]:
    """Depth-wise deconvolution with the weights as stored; MXNet computes no bilinear kernel of its own."""
    if len(conversion.inputs) != 2:
        raise conversion.fail(f"{len(conversion.inputs)} inputs, expected data and weight")
    channels = conversion.fixed(conversion.shape[1], "the number of channels")
    size = 2 * scale - scale % 2
    conversion.expect_shape(conversion.inputs[1], (channels, 1, size, size), "weight")
    pad = scale // 2  # ceil((scale - 1) / 2)
    return [
        conversion.op("deconv2d", *conversion.inputs, stride=(scale, scale), pad=(pad, pad), groups=channels)
    ]


OPERATORS = {
    "Convolution": Operator(_convolution, _CONVOLUTION, 2, 3, refuse_layout, becomes=("conv1d", "conv2d", "conv3d")),
    "Convolution_v1": Operator(_convolution, _CONVOLUTION, 2, 3, refuse_layout, becomes=("conv1d", "conv2d", "conv3d")),
    "Deconvolution": Operator(_deconvolution, _DECONVOLUTION, 2, 3, refuse_layout, becomes=("deconv1d", "deconv2d", "deconv3d")),
    "FullyConnected": Operator(
        _fully_connected,
        {"num_hidden": Field("int", low=1), "no_bias": Field("bool", False), "flatten": Field("bool", True)},
        2,
        3,
        becomes=("dense", "reshape"),
    ),
    "UpSampling": Operator(
        _upsampling,
        {
            "scale": Field("int", low=1),
            "num_filter": Field("int", 0),
            "sample_type": enum("nearest", "bilinear"),
            "multi_input_mode": enum("concat", "sum", default="concat"),
            "num_args": Field("int", 0),
            "workspace": IGNORED,
        },
        1,
        None,
        becomes=("upsample", "concat", "add", "deconv2d"),
    ),
}
