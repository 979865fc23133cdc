"""Folds batch normalization, and what else multiplies and adds constants per channel, into weights and biases.

    affine(conv(x, W) + b)  =  conv(x, W*s) + (b*s + t)             s, t along the output channels
    conv(affine(x), W) + b  =  conv(x, W*s) + (b + sum(W*t))        s, t along the input channels

`affine` is a batch_norm with constant parameters or an addition, subtraction, multiplication or division with constants; `conv` is any
convolution, deconvolution or dense layer with constant weights. Products are taken in double precision and rounded once. Folding makes
new constants, so that weights which several layers share are left as they are for the others.

Refuses the first form when the layer's result has another user or is a graph output, when its epilogue is more than bias and scaling,
when weights, bias or batch-norm parameters are no constants, when the variance plus eps is not positive, when the channels lie along
another axis, when the data is no float, or when the new weights overflow. Refuses the second form for the same reasons about the
affine node's result, and when the layer pads and t is not zero: padding stands behind the normalization, so its zeros must stay zeros.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ngc.ir import Graph, Node, Step, Value
from ngc.ir.loc import merge
from ngc.ir.ops.convolution import pads
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.affine import FLOATS, Affine, affine_of, constant_data, is_number
from ngc.passes.base import Pass, PassContext
from ngc.passes.local_rules import only_user, why_not_single
from ngc.passes.step_forms import split_operands, step_operands

AFFINE = frozenset({"batch_norm", "add", "sub", "mul", "div"})
LAYERS = frozenset({"conv1d", "conv2d", "conv3d", "deconv1d", "deconv2d", "deconv3d", "dense"})


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Folds constant per-channel scaling and shifting into convolutions, deconvolutions and dense layers."""

    name: ClassVar[str] = "fold-batch-norm"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Applies both rules; where both match, the layer before takes the normalization."""
        return apply_rules(graph, [ConvThenAffine(), AffineThenConv()], self.name, ctx.hooks)


class ConvThenAffine(Rule):
    """A layer takes the affine node after it."""

    equation = "affine(conv(x, W) + b) = conv(x, W*s) + (b*s + t)"
    roots = AFFINE

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `layer` and `affine`, the form of the node after it."""
        if not any(value.producer is not None and value.producer.op in LAYERS for value in node.inputs):
            return None
        affine = affine_of(node)
        if affine is None:
            return None
        layer = (affine.x if isinstance(affine, Affine) else node.inputs[0]).producer
        if layer is None or layer.op not in LAYERS:
            return None
        return {"root": node, "layer": layer, "affine": affine}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Computes the new weights and bias into the match, or says why not."""
        layer, affine = match["layer"], match["affine"]
        if isinstance(affine, str):
            return affine
        if affine.x.index != 0 or len(layer.outputs) != 1:
            return f"%{layer.name} has further results"
        if (reason := why_not_single(layer.output, graph)) is not None:
            return reason
        axis = layer.definition.channel_axis % layer.type.rank
        vectors = affine.vectors(axis, layer.type.shape[axis])
        if vectors is None:
            return f"the constants run along axis {affine.axis}, the channels of %{layer.name} along axis {axis}"
        linear = _linear_epilogue(layer)
        if isinstance(linear, str):
            return linear
        scale, shift = linear[0] * vectors[0], linear[1] * vectors[0] + vectors[1]
        return _fold(match, layer, scale, shift, scaled_outputs)

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the folded layer in the layer's place; the affine node's readers read it."""
        node, layer = match["root"], match["layer"]
        operands = split_operands(layer)
        steps, vectors = _bias(match, rewriter, layer)
        weights = _weights(match, rewriter, layer, operands[0][1])
        inputs = (operands[0][0], weights, *operands[1], *vectors)
        dead = [value.producer for value in (*layer.inputs, *node.inputs[1:]) if value.producer is not None]
        name, locs = layer.name, merge(layer.locs, node.locs)
        fused = rewriter.insert(layer.op, inputs, {**layer.attrs, "epilogue": steps}, before=layer, locs=locs, name=name)
        rewriter.replace_uses(node.output, fused.output)
        rewriter.erase(node)
        rewriter.erase(layer)
        rewriter.rename(fused.output, name)
        _clean(rewriter, dead, (weights, *vectors))


class AffineThenConv(Rule):
    """A layer takes the affine node before it."""

    equation = "conv(affine(x), W) + b = conv(x, W*s) + (b + sum(W*t))"
    roots = AFFINE

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `layer` and `affine`, the form of the node before it."""
        layers = [user for user in node.output.users if user.op in LAYERS and user.inputs[0] is node.output]
        affine = affine_of(node) if layers else None
        return None if affine is None else {"root": node, "layer": layers[0], "affine": affine}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Computes the new weights and bias into the match, or says why not."""
        node, layer, affine = match["root"], match["layer"], match["affine"]
        if isinstance(affine, str):
            return affine
        if only_user(node.output, graph) is None:
            return why_not_single(node.output, graph)
        if layer.attrs.get("prologue"):
            return f"%{layer.name} has a prologue, which would run before the scaling"
        axis = layer.definition.channel_axis % node.type.rank
        channels = node.type.shape[axis]
        vectors = affine.vectors(axis, channels)
        if vectors is None:
            return f"the constants run along axis {affine.axis}, the channels that %{layer.name} sums along axis {axis}"
        if not is_number(vectors[1], 0.0) and (layer.has_trait("deconv") or any(sum(pair) for pair in _pads(layer))):
            return f"%{layer.name} pads its input, and the shift is not zero there"
        weights = constant_data(layer.inputs[1])
        if weights is None:
            return f"the weights %{layer.inputs[1].name} are no constant at hand"
        shift = np.zeros(layer.type.shape[layer.definition.channel_axis])
        if not is_number(vectors[1], 0.0):
            shift = _summed(layer, weights, vectors[1])
            first = next(step_operands(layer.attrs["epilogue"], split_operands(layer)[2]), None)
            if first is not None and first[0].kind == "bias" and (bias := constant_data(first[1][0])) is not None:
                shift, match["merged"] = shift + bias, True
        return _fold(match, layer, vectors[0], shift, scaled_inputs)

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Lets the layer read the affine node's operand with folded weights."""
        node, layer = match["root"], match["layer"]
        own, _, former = split_operands(layer)
        steps, vectors = _bias(match, rewriter, layer)
        merged = "merged" in match
        epilogue = (*steps, *layer.attrs["epilogue"][merged:])
        weights = _weights(match, rewriter, layer, own[1])
        inputs = (match["affine"].x, weights, *vectors, *former[merged:])
        dead = [value.producer for value in layer.inputs[1:] if value.producer is not None]
        rewriter.update(layer, layer.op, inputs, {**layer.attrs, "epilogue": epilogue}, locs=merge(node.locs, layer.locs))
        _clean(rewriter, [*dead, node], (weights, *vectors))


def scaled_outputs(layer: Node, weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Returns the weights times one factor for each output channel; FloatingPointError where that overflows."""
    ones = (1,) * (weights.ndim - 2)
    if layer.has_trait("deconv"):
        groups = layer.attrs["groups"]
        grouped = weights.reshape(groups, -1, *weights.shape[1:])
        return _product(grouped, scale.reshape(groups, 1, weights.shape[1], *ones)).reshape(weights.shape)
    return _product(weights, scale.reshape(-1, 1, *ones))


def scaled_inputs(layer: Node, weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Returns the weights times one factor for each input channel; FloatingPointError where that overflows."""
    ones = (1,) * (weights.ndim - 2)
    if layer.has_trait("deconv"):
        return _product(weights, scale.reshape(-1, 1, *ones))
    groups = layer.attrs.get("groups", 1)
    grouped = weights.reshape(groups, -1, *weights.shape[1:])
    return _product(grouped, scale.reshape(groups, 1, weights.shape[1], *ones)).reshape(weights.shape)


def _product(weights: np.ndarray, factors: np.ndarray) -> np.ndarray:
    result = np.empty_like(weights, subok=False)
    with np.errstate(over="raise", invalid="ignore", under="ignore"):
        return np.multiply(weights, factors, out=result, dtype=np.float64, casting="same_kind")


def _summed(layer: Node, weights: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Returns sum(W*t) over taps and input channels for each output channel of a convolution or dense layer."""
    groups = layer.attrs.get("groups", 1)
    taps = weights.reshape(*weights.shape[:2], -1).sum(axis=2, dtype=np.float64)
    grouped = taps.reshape(groups, -1, weights.shape[1]) @ shift.reshape(groups, weights.shape[1], 1)
    return np.asarray(grouped.reshape(-1))


def _pads(layer: Node) -> list[tuple[int, int]]:
    return pads(layer.attrs) if "pad" in layer.attrs else []


def _linear_epilogue(layer: Node) -> tuple[np.ndarray, np.ndarray] | str:
    """Returns the epilogue as (scale, shift) per output channel; a text where it is more than that."""
    channels = layer.type.shape[layer.definition.channel_axis]
    scale, shift = np.ones(channels), np.zeros(channels)  # type: ignore[arg-type]  # channels are no multiple of N
    for step, operands in step_operands(layer.attrs["epilogue"], split_operands(layer)[2]):
        vectors = [data for value in operands if (data := constant_data(value)) is not None]
        if step.kind not in ("bias", "affine", "scale"):
            return f"the epilogue of %{layer.name} already has {step.kind}"
        if len(vectors) != step.operands:
            return f"the {step.kind} of %{layer.name} is no constant at hand"
        pairs: dict[str, Sequence[Any]] = {"bias": (1.0, *vectors), "affine": vectors, "scale": step.params}
        factor, offset = pairs[step.kind]
        scale, shift = scale * factor, shift * factor + offset
    return scale, shift


def _fold(match: Match, layer: Node, scale: np.ndarray, shift: np.ndarray, scaled: Any) -> str | None:
    """Puts the new weights (None where they stay) and bias into the match, or returns why they cannot be."""
    if layer.type.dtype not in FLOATS:
        return f"the data is {layer.type.dtype}, not a float that numpy holds"
    weights = constant_data(layer.inputs[1])
    if weights is None:
        return f"the weights %{layer.inputs[1].name} are no constant at hand"
    try:
        match["weights"] = None if is_number(scale, 1.0) else scaled(layer, weights, scale)
        with np.errstate(over="raise"):
            match["shift"] = shift.astype(weights.dtype)
    except FloatingPointError:
        return f"the folded weights overflow {layer.type.dtype}"
    if not np.isfinite(match["shift"]).all():
        return "the folded bias is not finite"
    return None


def _weights(match: Match, rewriter: Rewriter, layer: Node, former: Value) -> Value:
    if match["weights"] is None:
        return former
    return rewriter.constant(former.name, match["weights"], before=layer, locs=_locs(former))


def _clean(rewriter: Rewriter, dead: Iterable[Node], constants: Iterable[Value]) -> None:
    """Drops what nothing reads any more; new constants take the names that are free now."""
    for producer in dead:
        rewriter.erase_dead(producer)
    for value in constants:
        if value.producer is not None and value.producer.weight is not None:
            rewriter.rename(value, value.producer.weight.name)


def _bias(match: Match, rewriter: Rewriter, layer: Node) -> tuple[tuple[Step, ...], tuple[Value, ...]]:
    """Returns the bias step and its vector; none where the bias is zero."""
    if is_number(match["shift"], 0.0):
        return (), ()
    return (Step("bias"),), (rewriter.constant(f"{layer.name}_bias", match["shift"], before=layer, locs=layer.locs),)


def _locs(value: Value) -> Any:
    return value.producer.locs if value.producer is not None else ()
