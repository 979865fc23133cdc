"""Pooling, and the older Pooling_v1, whose arithmetic differs wherever there is padding."""

from math import prod

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.spatial import spatial_attr
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape

_POOLING_V1 = {
    "kernel": Field("shape", ()),
    "pool_type": enum("max", "avg", "sum", default="max"),
    "global_pool": Field("bool", False),
    "pooling_convention": enum("valid", "full", default="valid"),
    "stride": Field("shape", ()),
    "pad": Field("shape", ()),
}
_POOLING = {
    **_POOLING_V1,
    "pool_type": enum("max", "avg", "sum", "lp", default="max"),
    "pooling_convention": enum("valid", "full", "same", default="valid"),
    "cudnn_off": IGNORED,
    "p_value": Field("int", None, optional=True),
    "count_include_pad": Field("bool", None, optional=True),
    "layout": enum("NCW", "NCHW", "NCDHW", "NWC", "NHWC", "NDHWC", default=None, optional=True),
}


def _refuse(attrs: Attributes) -> str | None:
    if attrs["layout"] in ("NWC", "NHWC", "NDHWC"):
        return f"layout={attrs['layout']}"
    if attrs["pooling_convention"] == "same" and not attrs["global_pool"]:
        return "pooling_convention=same, which MXNet itself cannot run"
    return None


def _window(conversion: Conversion) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Returns (kernel, stride, pad); global pooling looks at none of the three attributes."""
    rank = conversion.rank - 2
    if rank not in (1, 2, 3):
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected 3 to 5 dimensions")
    if conversion.attrs["global_pool"]:
        sizes = tuple(conversion.fixed(size, "a spatial dimension") for size in conversion.shape[2:])
        return sizes, (1,) * rank, (0,) * rank
    if not conversion.attrs["kernel"]:
        raise conversion.fail("the required parameter 'kernel' is missing")
    return (
        spatial_attr(conversion, "kernel", rank, 1, 1),
        spatial_attr(conversion, "stride", rank, 1, 1),
        spatial_attr(conversion, "pad", rank, 0),
    )


def _pooling(conversion: Conversion) -> list[Value]:
    kernel, stride, pad = _window(conversion)
    attrs = conversion.attrs
    if attrs["pool_type"] == "lp" and attrs["p_value"] not in (1, 2, 3):
        raise conversion.fail(f"p_value = {attrs['p_value']}: expected 1, 2 or 3")
    include = attrs["count_include_pad"]
    return [
        conversion.op(
            "pool",
            conversion.data,
            kind=attrs["pool_type"],
            kernel=kernel,
            stride=stride,
            pad=pad,
            convention="valid" if attrs["global_pool"] else attrs["pooling_convention"],
            count_include_pad=True if include is None else include,
            p=attrs["p_value"] or 2,
        )
    ]


def _pooling_v1(conversion: Conversion) -> list[Value]:
    """Padding counts as zeros (in a maximum too), averages divide by the whole kernel, clipped or not."""
    kernel, stride, pad = _window(conversion)
    attrs = conversion.attrs
    data = conversion.data
    if any(pad):
        widths = (0, 0, 0, 0, *(width for size in pad for width in (size, size)))
        data = conversion.op("pad", data, part="pad", widths=widths)
    average = attrs["pool_type"] == "avg"
    result = conversion.op(
        "pool",
        data,
        part="sum" if average else "",
        kind="sum" if average else attrs["pool_type"],
        kernel=kernel,
        stride=stride,
        pad=(0,) * len(kernel),
        convention="valid" if attrs["global_pool"] else attrs["pooling_convention"],
    )
    return [conversion.op("mul", result, scalar=1 / prod(kernel))] if average else [result]


OPERATORS = {
    "Pooling": Operator(_pooling, _POOLING, refuse=_refuse, becomes=("pool",)),
    "Pooling_v1": Operator(_pooling_v1, _POOLING_V1, becomes=("pool", "pad", "mul")),
}
