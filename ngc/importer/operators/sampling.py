"""Spatial transformers, deformable convolutions and correlation."""

import numpy as np

from ngc.importer.attributes import IGNORED, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.spatial import refuse_layout, spatial_attr
from ngc.ir import Step, Value
from ngc.ir.tensor_type import format_shape


def _affine_grid(conversion: Conversion, theta: Value, part: str = "") -> Value:
    """Returns the places, from -1 to 1, that six numbers an image make of those of an output: a product with the matrix of (column, row, 1)."""
    target = conversion.attrs["target_shape"]
    if len(target) != 2 or min(target) < 2:
        raise conversion.fail(f"target_shape = {target}: expected two numbers of at least 2")
    height, width = target
    batch = theta.type.shape[0]
    conversion.expect_shape(theta, (batch, 6), "transform")
    rows, columns = (np.linspace(-1, 1, size) for size in (height, width))
    places = np.stack([np.tile(columns, height), np.repeat(rows, width), np.ones(height * width)], axis=1).astype(np.float32)
    matrix = conversion.reshape(theta, (batch, 2, 3), part="matrix")
    grid = conversion.op("dense", matrix, conversion.const("places", places), part="product")
    return conversion.op("reshape", grid, part=part, shape=(batch, 2, height, width))


def _grid_generator(conversion: Conversion) -> list[Value]:
    if conversion.attrs["transform_type"] == "affine":
        return [_affine_grid(conversion, conversion.data)]
    if conversion.rank != 4 or conversion.shape[1] != 2:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected a flow (N, 2, H, W)")
    height, width = (conversion.fixed(dim, "the size of the flow") for dim in conversion.shape[2:])
    if min(height, width) < 2:
        raise conversion.fail(f"a flow of {height} x {width}, expected at least 2 x 2")
    rows, columns = np.indices((height, width), np.float32)
    moved = conversion.op("add", conversion.data, conversion.const("places", np.stack([columns, rows])[None]), part="moved")
    scale = np.array([2 / (width - 1), 2 / (height - 1)], np.float32).reshape(1, 2, 1, 1)
    scaled = conversion.op("mul", moved, conversion.const("scale", scale), part="scaled")
    return [conversion.op("sub", scaled, scalar=1.0)]


def _bilinear_sampler(conversion: Conversion) -> list[Value]:
    return [conversion.op("grid_sample", *conversion.inputs)]


def _spatial_transformer(conversion: Conversion) -> list[Value]:
    return [conversion.op("grid_sample", conversion.data, _affine_grid(conversion, conversion.inputs[1], part="grid"))]


_DEFORMABLE = {
    "kernel": Field("shape"),
    "stride": Field("shape", ()),
    "dilate": Field("shape", ()),
    "pad": Field("shape", ()),
    "num_filter": Field("int", low=1),
    "num_group": Field("int", 1, low=1),
    "num_deformable_group": Field("int", 1, low=1),
    "workspace": IGNORED,
    "no_bias": Field("bool", False),
    "layout": enum("NCW", "NCHW", "NCDHW", "NHWC", "NDHWC", default=None, optional=True),
}


def _deformable(conversion: Conversion, places: int) -> list[Value]:
    """A 1x1 convolution of what the taps read; its weights are those given, group by group, tap by tap, channel by channel."""
    attrs, kernel = conversion.attrs, conversion.attrs["kernel"]
    if len(kernel) != 2 or conversion.rank != 4:
        raise conversion.fail(f"kernel = {kernel} for data of shape {format_shape(conversion.shape)}: expected two dimensions")
    channels, filters, groups = conversion.fixed(conversion.shape[1], "the number of channels"), attrs["num_filter"], attrs["num_group"]
    parts = attrs["num_deformable_group"]
    if channels % groups or filters % groups or channels % parts:
        raise conversion.fail(f"num_group = {groups} and num_deformable_group = {parts} divide not both {channels} channels and {filters} filters")
    data, weight, bias = conversion.inputs[:places], conversion.inputs[places], conversion.inputs[places + 1:]
    if bool(bias) == attrs["no_bias"]:
        raise conversion.fail(f"{len(conversion.inputs)} inputs with no_bias={attrs['no_bias']}")
    each, taps = channels // groups, kernel[0] * kernel[1]
    conversion.expect_shape(weight, (filters, each, *kernel), "weight")
    for value in bias:
        conversion.expect_shape(value, (filters,), "bias")
    window = {key: spatial_attr(conversion, key, 2, default, least) for key, default, least in (("stride", 1, 1), ("pad", 0, 0), ("dilate", 1, 1))}
    columns = conversion.op("deformable_columns", *data, part="columns", kernel=kernel, groups=groups, offset_groups=parts, **window)
    rows = conversion.reshape(weight, (filters, each, taps), part="weight_taps")
    turned = conversion.op("transpose", rows, part="weight_turned", axes=(0, 2, 1))
    flat = conversion.reshape(turned, (filters, each * taps, 1, 1), part="weight_flat")
    return [conversion.op("conv2d", columns, flat, *bias, groups=groups, epilogue=(Step("bias"),) if bias else ())]


def _deformable_convolution(conversion: Conversion) -> list[Value]:
    return _deformable(conversion, 2)


def _modulated_deformable_convolution(conversion: Conversion) -> list[Value]:
    return _deformable(conversion, 3)


def _correlation(conversion: Conversion) -> list[Value]:
    attrs, pad = conversion.attrs, conversion.attrs["pad_size"]
    images = list(conversion.inputs)
    if pad:
        images = [conversion.op("pad", value, part=f"pad{index}", widths=(0, 0, 0, 0, pad, pad, pad, pad)) for index, value in enumerate(images)]
    return [conversion.op("correlation", *images, kernel=attrs["kernel_size"], max_displacement=attrs["max_displacement"], stride=attrs["stride1"],
                          step=attrs["stride2"], multiply=attrs["is_multiply"])]


_SAMPLER = {"cudnn_off": IGNORED}

OPERATORS: dict[str, Operator] = {
    "GridGenerator": Operator(
        _grid_generator,
        {"transform_type": enum("affine", "warp"), "target_shape": Field("shape", (0, 0))},
        becomes=("reshape", "dense", "add", "mul", "sub"),
    ),
    "BilinearSampler": Operator(_bilinear_sampler, _SAMPLER, 2, 2, becomes=("grid_sample",)),
    "SpatialTransformer": Operator(
        _spatial_transformer,
        {**_SAMPLER, "target_shape": Field("shape", (0, 0)), "transform_type": enum("affine"), "sampler_type": enum("bilinear")},
        2,
        2,
        becomes=("reshape", "dense", "grid_sample"),
    ),
    "_contrib_DeformableConvolution": Operator(
        _deformable_convolution, _DEFORMABLE, 3, 4, refuse_layout, becomes=("deformable_columns", "reshape", "transpose", "conv2d")
    ),
    "_contrib_ModulatedDeformableConvolution": Operator(
        _modulated_deformable_convolution,
        {**_DEFORMABLE, "im2col_step": IGNORED},
        4,
        5,
        refuse_layout,
        becomes=("deformable_columns", "reshape", "transpose", "conv2d"),
    ),
    "Correlation": Operator(
        _correlation,
        {
            "kernel_size": Field("int", 1, low=1),
            "max_displacement": Field("int", 1, low=0),
            "stride1": Field("int", 1, low=1),
            "stride2": Field("int", 1, low=1),
            "pad_size": Field("int", 0, low=0),
            "is_multiply": Field("bool", True),
        },
        2,
        2,
        becomes=("pad", "correlation"),
    ),
}
