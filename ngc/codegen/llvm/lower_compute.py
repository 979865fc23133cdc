"""Lowers convolutions, deconvolutions, dense layers and pools to their kernels."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from ngc.codegen.llvm.calls import Argument, Call, Scratch, spatial_of, static
from ngc.codegen.llvm.choice import describe, known_images
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.depthwise import EXACT_TAPS, DepthwiseKernel
from ngc.codegen.llvm.kernels.pool import PoolKernel
from ngc.codegen.llvm.kernels.separable import SeparableKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.layer_weights import reserve_weights
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.packing import conv_size, conv_steps, deconvolution_phases, pack_offset
from ngc.errors import CodegenError
from ngc.ir import Node, Value
from ngc.ir.ops.convolution import pads
from ngc.ir.steps import operand_count
from ngc.ir.tensor_type import product
from ngc.passes.assign_layout import BLOCKED_DTYPES
from ngc.passes.step_forms import split_operands, step_operands


def _weights(node: Node, position: int = 1) -> np.ndarray:
    """Returns a layer's weights, its operand number `position`, as (O, I, depth, height, width)."""
    kind = "deconvolutions" if node.has_trait("deconv") else "convolutions"
    _check_dtypes(kind, node)
    if not node.inputs[position].is_const:
        raise CodegenError(f"{kind} take constant weights, not %{node.inputs[position].name}")
    array: np.ndarray = node.inputs[position].array
    return array.reshape(*array.shape[:2], *spatial_of(list(array.shape[2:])))


def _check_dtypes(what: str, node: Node) -> None:
    """Refuses data and results of other types than the kernels have."""
    for value in (node.inputs[0], node.output):
        if value.type.dtype not in BLOCKED_DTYPES:
            raise CodegenError(f"{what} take f32, bf16 or u8 data, not {value.type.dtype}")


def _conv(lowering: Lowering, node: Node) -> None:
    x, attrs = node.inputs[0], node.attrs
    weights = _weights(node)
    before = operand_count(attrs["prologue"])
    prologue, first, _, _ = lowering.steps(attrs["prologue"], node.inputs[2:2 + before], x.type, (), lowering.lanes)
    steps, last, reads, writes = lowering.steps(attrs["epilogue"], node.inputs[2 + before:], node.type, node.outputs[1:], lowering.lanes)
    fields = {"x": lowering.place(x), "y": lowering.place(node.output), "kernel": spatial_of(list(weights.shape[2:])), "stride": spatial_of(attrs["stride"]),
              "dilation": spatial_of(attrs["dilate"]), "pad": spatial_of([pad for pad, _ in pads(attrs)], 0), "steps": steps}
    if x.type.layout.halo and x.type.layout.fill != attrs["x_zero"]:
        raise CodegenError(f"%{x.name} has a border of {x.type.layout.fill:g}, not of x_zero {attrs['x_zero']}: its readers take different integers for zero")
    begins = _offset(lowering, node)
    channels, outputs = static(x.type.shape[1]), static(node.type.shape[1])
    direct: ConvKernel | DepthwiseKernel
    if attrs["groups"] == channels == outputs and channels > 1 and not prologue and x.type.layout.block == lowering.lanes \
            and (x.type.dtype != "u8" or weights[0, 0].size <= EXACT_TAPS):
        direct = DepthwiseKernel.plan(lowering.target, offset=bool(begins), **fields)
    else:
        direct = ConvKernel.plan(lowering.target, groups=attrs["groups"], prologue=prologue, offset=bool(begins), **fields)
    choice = lowering.chooser.choose(direct, node.type.shape[0])
    spec, middle = choice.spec, list[Argument](begins)
    if isinstance(spec, WinogradKernel):
        middle = [Scratch(spec.scratch_bytes)]
    elif isinstance(spec, ConvKernel) and prologue:
        middle = [*first, Scratch(spec.scratch_bytes)]
    arguments: list[Argument] = [x, reserve_weights(lowering.blob, node.inputs[1], spec), node.output, *middle, *last]
    lowering.call(Call(spec, arguments, [x, *reads], [node.output, *writes], node.type.shape[0], node, inplace=_inplace(reads, node),
                       note=describe(spec), reason=choice.reason))


def _offset(lowering: Lowering, node: Node) -> list[Argument]:
    """Returns what the sums of a layer begin with, nothing where the zero of its data is the integer 0."""
    zero = node.attrs["x_zero"]
    return [lowering.blob.add(pack_offset(node.inputs[1].array, zero, lowering.lanes))] if zero else []


def _separable(lowering: Lowering, node: Node) -> None:
    x, attrs = node.inputs[0], node.attrs
    depthwise, _ = _weights(node), _weights(node, 2)  # both must be constants
    last = 3 + operand_count(attrs["prologue"])
    between, middle, _, _ = lowering.steps(attrs["prologue"], node.inputs[3:last], x.type, (), lowering.lanes)
    steps, after, reads, writes = lowering.steps(attrs["epilogue"], node.inputs[last:], node.type, node.outputs[1:], lowering.lanes)
    spec = SeparableKernel.plan(lowering.target, known_images(node.type.shape[0]), x=lowering.place(x), y=lowering.place(node.output),
                                kernel=spatial_of(list(depthwise.shape[2:])), stride=spatial_of(attrs["stride"]), dilation=spatial_of(attrs["dilate"]),
                                pad=spatial_of([pad for pad, _ in pads(attrs)], 0), between=between, steps=steps)
    taps, weights = (reserve_weights(lowering.blob, value, part)
                     for value, part in ((node.inputs[1], spec.depthwise), (node.inputs[2], spec.pointwise)))
    arguments: list[Argument] = [x, taps, node.output, *middle, Scratch(spec.scratch_bytes), weights, *after]
    lowering.call(Call(spec, arguments, [x, *reads], [node.output, *writes], node.type.shape[0], node, inplace=_inplace(reads, node),
                       note=f"{describe(spec)} in bands of {spec.band}"))


def _inplace(reads: Sequence[Value], node: Node) -> tuple[Value, ...]:
    """Returns the residuals whose buffer a result may take: each element is read before anything is stored at its pixel, and none is computed twice.

    What is read behind a tee is not among them: the tee might store there first.
    """
    types = {value.type for value in node.outputs}
    late: set[Value] = set()
    stored = False
    for step, operands in step_operands(node.attrs["epilogue"], split_operands(node)[2]):
        stored = stored or step.kind == "tee"
        late.update(operands if stored else ())
    return tuple(value for value in reads if value.type in types and value not in late)


def _deconv(lowering: Lowering, node: Node) -> None:
    x, attrs = node.inputs[0], node.attrs
    weights = _weights(node)
    steps, last, reads, writes = lowering.steps(attrs["epilogue"], node.inputs[2:], node.type, node.outputs[1:], lowering.lanes)
    phases = deconvolution_phases(weights, spatial_of(attrs["stride"]), spatial_of(attrs["dilate"]),
                                  spatial_of([pad for pad, _ in pads(attrs)], 0), attrs["groups"])
    calls = []
    for phase in phases:
        spec = ConvKernel.plan(lowering.target, x=lowering.place(x), y=lowering.place(node.output), steps=steps, **phase.fields)
        if not spec.work[0]:
            continue
        packed = lowering.blob.reserve(conv_size(spec), partial(conv_steps, spec, phase.weights))
        arguments: list[Argument] = [x, packed, node.output, *last]
        calls.append(Call(spec, arguments, [x, *reads], [node.output, *writes], node.type.shape[0], node, note=describe(spec)))
    lowering.call(*calls)


def _dense(lowering: Lowering, node: Node) -> None:
    x, shape = node.inputs[0], node.type.shape
    _check_dtypes("dense layers", node)
    if not node.inputs[1].is_const:
        raise CodegenError(f"dense layers take constant weights, not %{node.inputs[1].name}")
    steps, last, reads, _ = lowering.steps(node.attrs["epilogue"], node.inputs[2:], node.type, node.outputs[1:], lowering.lanes)
    begins = _offset(lowering, node)
    spec = DenseKernel.plan(lowering.target, inputs=static(x.type.shape[-1]), outputs=static(shape[-1]), steps=steps,
                            x_dtype=x.type.dtype, y_dtype=node.type.dtype, offset=bool(begins))
    packed = reserve_weights(lowering.blob, node.inputs[1], spec)
    lowering.call(Call(spec, [lowering.argument(x), packed, node.output, *begins, *last], _read(x, *reads), list(node.outputs), product(shape[:-1]), node,
                       inplace=_inplace(reads, node), note=describe(spec)))


def _read(*values: Value) -> list[Value]:
    return [value for value in values if not value.is_const]


def _pool(lowering: Lowering, node: Node) -> None:
    x, attrs = node.inputs[0], node.attrs
    _check_dtypes("pools", node)
    steps, last, _, _ = lowering.steps(attrs["epilogue"], node.inputs[1:], node.type, node.outputs[1:], lowering.lanes)
    if last:
        raise CodegenError("steps of pools have no operands and are no tees")
    spec = PoolKernel(x=lowering.place(x), y=lowering.place(node.output), kind=attrs["kind"], kernel=spatial_of(attrs["kernel"]),
                      stride=spatial_of(attrs["stride"]), pad=spatial_of(attrs["pad"], 0), count_include_pad=attrs["count_include_pad"], p=attrs["p"],
                      steps=steps)
    lowering.call(Call(spec, [x, node.output], [x], [node.output], node.type.shape[0], node))


HANDLERS: dict[str, Handler] = {
    **{f"conv{rank}d": _conv for rank in (1, 2, 3)}, **{f"deconv{rank}d": _deconv for rank in (1, 2, 3)}, "separable_conv2d": _separable,
    "dense": _dense, "pool": _pool,
}
