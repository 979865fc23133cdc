"""Convolutions, deconvolutions and dense layers. Sums are of f32, or of i32 for integers; data of 16 bits is multiplied as it is.

A deconvolution is the convolution of its data, spread out by the stride, with its kernel backwards, channels exchanged within each group. Neuron's compiler
takes no convolution that spreads out both data and kernel (its error NCC_EVRF010): then the kernel's zeros are written out.
"""

from collections.abc import Sequence
from math import prod

from ngc.codegen.stablehlo.steps import emit_steps, finish, start
from ngc.codegen.stablehlo.text import HIGHEST, Body, Tensor, int_array, int_pairs
from ngc.ir import Node
from ngc.ir.ops.convolution import pads


def _convolve(body: Body, x: Tensor, w: Tensor, *, stride: Sequence[int], padding: Sequence[tuple[int, int]], dilate: Sequence[int], groups: int,
              spread: Sequence[int] | None = None) -> Tensor:
    """Returns the sums of a convolution, data N C spatial, weights O I/G spatial; `spread` puts zeros between the data's elements."""
    spread = [1] * len(stride) if spread is None else spread
    out = [((size - 1) * apart + before + after - step * (kernel - 1)) // stride + 1
           for size, kernel, apart, (before, after), step, stride
           in zip(x.shape[2:], w.shape[2:], spread, padding, dilate, stride, strict=True)]
    axes = ", ".join(map(str, range(len(out))))
    attributes = (f"dimension_numbers = #stablehlo.conv<[b, f, {axes}]x[o, i, {axes}]->[b, f, {axes}]>, window_strides = {int_array(stride)}, "
                  f"padding = {int_pairs(padding)}, lhs_dilation = {int_array(spread)}, rhs_dilation = {int_array(dilate)}, "
                  f"feature_group_count = {groups} : i64, batch_group_count = 1 : i64, {HIGHEST}")
    return body.op("stablehlo.convolution", (x, w), (x.shape[0], w.shape[0], *out), _sums(x), attributes)


def _sums(x: Tensor) -> str:
    """Returns the dtype of sums of products with x."""
    return "f32" if x.is_float else "i32"


def _factors(body: Body, node: Node, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Returns data and weights as they are multiplied: integers without their zero point, in 32 bits, so that sums are exact."""
    if x.dtype != "u8":
        return x, w
    return body.subtract(body.convert(x, "i32"), node.attrs["x_zero"]), body.convert(w, "i32")


def _prepared(body: Body, node: Node, x: Tensor, operands: Sequence[Tensor]) -> Tensor:
    """Returns the data after the prologue, rounded to what it is multiplied in."""
    if not node.attrs.get("prologue"):
        return x
    return body.convert(emit_steps(body, node.attrs["prologue"], operands, body.wide(x), node.definition.channel_axis)[0], x.dtype)


def emit_conv(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits conv1d, conv2d and conv3d."""
    (x, w), before, after = start(body, node, operands)
    x, w = _factors(body, node, _prepared(body, node, x, before), w)
    attrs = node.attrs
    sums = _convolve(body, x, w, stride=attrs["stride"], padding=pads(attrs), dilate=attrs["dilate"], groups=attrs["groups"])
    return finish(body, node, body.convert(sums, "f32"), after)


def emit_separable(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits separable_conv2d: the depthwise convolution, the steps between, the 1x1 convolution."""
    (x, depthwise, pointwise), before, after = start(body, node, operands)
    attrs = node.attrs
    middle = _convolve(body, x, depthwise, stride=attrs["stride"], padding=pads(attrs), dilate=attrs["dilate"], groups=attrs["groups"])
    prepared = body.convert(_prepared(body, node, middle, before), x.dtype)
    sums = _convolve(body, prepared, pointwise, stride=(1, 1), padding=[(0, 0)] * 2, dilate=(1, 1), groups=1)
    return finish(body, node, sums, after)


def emit_deconv(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits deconv1d, deconv2d and deconv3d. Padding that cuts into the output is a slice of it."""
    (x, w), _, after = start(body, node, operands)
    attrs, groups = node.attrs, node.attrs["groups"]
    c, o, *kernel = w.shape
    spatial = range(2, w.rank)
    w = body.reverse(w, [axis for axis in spatial if w.shape[axis] > 1])
    w = body.transpose(body.reshape(w, (groups, c // groups, o, *kernel)), (0, 2, 1, *(axis + 1 for axis in spatial)))
    w = body.reshape(w, (groups * o, c // groups, *kernel))
    reach = [dilate * (size - 1) for dilate, size in zip(attrs["dilate"], kernel, strict=True)]
    whole = [(ring - cut[0], ring - cut[1] + adj) for ring, cut, adj in zip(reach, pads(attrs), attrs["adj"], strict=True)]
    padding = [_computed(*ends, size, spread) for ends, size, spread in zip(whole, kernel, attrs["stride"], strict=True)]
    dilate = attrs["dilate"]
    if max(dilate) > 1 and max(attrs["stride"]) > 1:
        w = body.pad(w, [(0, 0)] * w.rank, 0.0, between=[0, 0, *(step - 1 for step in dilate)])
        dilate = [1] * len(kernel)
    sums = _convolve(body, x, w, stride=[1] * len(kernel), padding=padding, dilate=dilate, groups=groups, spread=attrs["stride"])
    begin = [0, 0, *(computed - before for (computed, _), (before, _) in zip(padding, whole, strict=True))]
    end = [*sums.shape[:2], *(size - (computed - behind) for size, (_, computed), (_, behind) in zip(sums.shape[2:], padding, whole, strict=True))]
    return finish(body, node, body.slice(sums, begin, end, [1] * sums.rank), after)


def _computed(before: int, behind: int, kernel: int, spread: int) -> tuple[int, int]:
    """Returns the padding that a deconvolution computes with on an axis; what it is more than asked for is cut off.

    Negative padding is none. An axis whose data is spread by 2 under a kernel of 2 has some: without, XLA's simplifier takes it for the batch of a product
    of matrices, and ends the process where it exchanges data and kernel (jaxlib 0.4.38).
    """
    if spread == kernel == 2 and before <= 0 and behind <= 0:
        return 1, 0
    return max(before, 0), max(behind, 0)


def emit_dense(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits dense layers as one product of matrices, whatever the data's rank."""
    (x, w), _, after = start(body, node, operands)
    x, w = _factors(body, node, x, w)
    rows = prod(x.shape[:-1])
    attributes = f"dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>, {HIGHEST}"
    flat = body.reshape(x, (rows, x.shape[-1]))
    sums = body.op("stablehlo.dot_general", (flat, w), (rows, w.shape[0]), _sums(x), attributes)
    return finish(body, node, body.convert(body.reshape(sums, (*x.shape[:-1], w.shape[0])), "f32"), after)
