"""The separable convolution: a depthwise convolution, per-channel steps (the node's prologue), and a 1x1 convolution of the result."""

from ngc.errors import VerifyError
from ngc.ir.opdef import PROLOGUE_ATTRS, RESULT_ATTRS, Arrays, Attrs, FirstPart, OpDef, Types
from ngc.ir.ops.convolution import conv_evaluate, conv_infer, spatial_attrs
from ngc.ir.tensor_type import format_shape

_POINTWISE = {"stride": (1, 1), "pad": (0, 0), "pad_end": None, "dilate": (1, 1), "groups": 1}
_SAME_DTYPE = {"result": None}
"""What lies between the two parts has the data's element type."""


def _depthwise(types: Types, attrs: Attrs) -> Types:
    """Types of the depthwise convolution's result and of the pointwise weights."""
    x, w, pointwise = types
    if w.rank != 4 or w.shape[0] != attrs["groups"] or w.shape[1] != 1:
        raise VerifyError(f"separable_conv2d takes depthwise weights (C, 1, KH, KW) and groups=C, not {format_shape(w.shape)} and groups={attrs['groups']}")
    if pointwise.rank != 4 or pointwise.shape[2:] != (1, 1):
        raise VerifyError(f"separable_conv2d takes pointwise weights (O, C, 1, 1), not {format_shape(pointwise.shape)}")
    return *conv_infer((x, w), {**attrs, **_SAME_DTYPE}, rank=2), pointwise


def _evaluate_depthwise(arrays: Arrays, attrs: Attrs) -> Arrays:
    x, w, pointwise = arrays
    return *conv_evaluate((x, w), attrs), pointwise


OPS = (
    OpDef("separable_conv2d", ("x", "depthwise", "pointwise"), lambda types, attrs: conv_infer(types, {**_POINTWISE, "result": attrs["result"]}, rank=2),
          lambda arrays, _: conv_evaluate(arrays, _POINTWISE), {**spatial_attrs(2), **PROLOGUE_ATTRS, **RESULT_ATTRS},
          frozenset({"conv", "epilogue", "prologue"}),
          doc="A convolution of each channel with weights (C, 1, KH, KW), the prologue's steps, then a 1x1 convolution with weights (O, C, 1, 1).",
          first=FirstPart(_depthwise, _evaluate_depthwise)),
)
