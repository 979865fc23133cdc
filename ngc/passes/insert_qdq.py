"""Says int8 in the graph as engines take it: values go through integers and back where layers that multiply read them.

    layer(x, w)          =  layer(dequantize(quantize(x)), dequantize(w'))       but for rounding; conv, deconv and dense
    layer(x, w) + r      =  layer(x, w) + dequantize(quantize(r))                the residual, which a layer with a fused sum reads as integers
    layer(avg_pool(x))   =  layer(avg_pool(dequantize(quantize(x))))             so that what lies between two layers stays integers

    quantize(x) = round(x/s) in i8, zero at 0, s = max(|low|, |high|)/127        a scale for all of x, from its calibrated range
    w' = round(w/s[c]) in i8, s[c] = max |w[c]|/127                              a scale for each output channel; biases stay in f32

This is where TensorRT's guide to explicit quantization (Working with Quantized Types, Q/DQ Layer-Placement Recommendations) wants them: at all inputs of
layers that multiply, and at residuals; not at layers' outputs, nor between a layer and its activation, which the engine fuses. Max pools, concatenations and
what only moves data commute with rounding, and the engine moves the integers through them by itself. A value is quantized once for all its readers.

Refuses, with an event, layers and sums whose data is not f32, is a constant or has no calibrated range or one of zero, layers whose weights are no finite
constants or that have a prologue, and nodes that are excluded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ngc.ir import Graph, Loc, Node, Value
from ngc.ir.rewrite import Rewriter
from ngc.passes.base import Pass, PassContext
from ngc.passes.layers import is_layer, passes_on, step_tensors, why_not_narrowed
from ngc.passes.quantize.convert import carried_quantization
from ngc.passes.quantize.exclusion import excluded_nodes
from ngc.passes.quantize.plan import is_average
from ngc.passes.quantize.weights import LARGEST, quantize_weights
from ngc.passes.value_ranges import KnownRanges

_SMALLEST = float(np.finfo(np.float32).tiny)
"""Scales below have no inverse that f32 holds."""


@dataclass(frozen=True)
class InsertQdq(Pass):
    """Inserts quantize and dequantize by the ranges that the graph carries."""

    name: ClassVar[str] = "insert-qdq"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Decides which operands become integers, then inserts from the first node to the last."""
        carried = carried_quantization(graph)
        ranges = KnownRanges(carried.ranges if carried is not None else {})
        decided = _Decisions(graph, ranges, excluded_nodes(graph, graph.excluded, strict=False))
        decided.decide()
        writer = _Writer(Rewriter(graph), decided.ranges)
        for node in graph.nodes:
            writer.convert(node, decided.operands.get(node, ()), node in decided.layers)
        return writer.rewriter.changed


@dataclass
class _Decisions:
    """Which operands of which nodes are read through integers.

    Attributes:
        layers: layers that multiply integers.
        operands: positions of the activations that a node reads so.
    """

    graph: Graph
    ranges: KnownRanges
    excluded: Mapping[Node, str]
    layers: dict[Node, None] = field(default_factory=dict)
    operands: dict[Node, tuple[int, ...]] = field(default_factory=dict)

    def decide(self) -> None:
        """Decides about layers first, since what lies between them follows."""
        for node in self.graph.nodes:
            if is_layer(node) and self._accept(node, 0, self._why_not_layer(node), "multiplies int8"):
                self.layers[node] = None
        for node in self.graph.nodes:
            for position in self._residuals(node):
                self._accept(node, position, self._why_not_value(node, node.inputs[position]), "adds an int8 residual")
        read: dict[Node, None] = dict.fromkeys(self.layers)
        for node in reversed(self.graph.nodes):
            if any(use.node in read and (use.operand == 0 or not is_layer(use.node)) for value in node.outputs for use in value.uses):
                if is_average(node) and self._accept(node, 0, self._why_not_value(node, node.inputs[0]), "averages int8"):
                    continue  # what gives it data lies before other integers
                if passes_on(node):
                    read[node] = None

    def _accept(self, node: Node, position: int, reason: str | None, gain: str) -> bool:
        """Records a decision about an operand and says whether it becomes integers."""
        self.graph.events.record(InsertQdq.name, "precision", "refused" if reason else "chosen", node.name, reason or gain, node.locs)
        if reason is None:
            self.operands[node] = (*self.operands.get(node, ()), position)
        return reason is None

    def _why_not_layer(self, layer: Node) -> str | None:
        """Returns why a layer must multiply floats, None where it may multiply integers."""
        if layer.op == "separable_conv2d":
            return "two convolutions in one node have no form of int8 for engines"
        if (reason := why_not_narrowed(layer)) is not None:
            return reason
        if layer.attrs.get("prologue"):
            return "it has a prologue"
        if not np.isfinite(layer.inputs[1].array).all():
            return "weights are not finite"
        return self._why_not_value(layer, layer.inputs[0])

    def _why_not_value(self, reader: Node, value: Value) -> str | None:
        """Returns why a reader cannot have a value through integers, None where it can."""
        if reader in self.excluded:
            return self.excluded[reader]
        if value.is_const:
            return f"the data %{value.name} is a constant"
        if value.type.dtype != "f32":
            return f"the data is {value.type.dtype}, not f32"
        known = self.ranges.of(value)
        if known is None:
            return f"no range of %{value.name} was calibrated"
        if not max(-known.low, known.high) / LARGEST > _SMALLEST:
            return f"the range of %{value.name} is zero"
        return None

    def _residuals(self, node: Node) -> list[int]:
        """Returns which operands of a node are added to what a layer that multiplies integers gives."""
        if is_layer(node):
            added = step_tensors(node, "add") if node in self.layers else []
            return [position for position in added if node.inputs[position].type.shape == node.type.shape]
        if node.op != "add" or len(node.inputs) != 2 or node.inputs[0].type.shape != node.inputs[1].type.shape:
            return []
        sums = [position for position, value in enumerate(node.inputs) if self._is_sum_of_layer(value)]
        # Of two layers, the one that comes later is fused with the sum.
        if len(sums) == 2 and self.graph.precedes(node.inputs[0].producer, node.inputs[1].producer):  # type: ignore[arg-type]  # sums have producers
            sums.reverse()
        return [1 - sums[0]] if sums else []

    def _is_sum_of_layer(self, value: Value) -> bool:
        """Whether a value is what an integer layer gives, for one reader."""
        return value.producer in self.layers and len(value.uses) == 1 and not self.graph.is_output(value)


@dataclass
class _Writer:
    """Inserts what was decided, once for each value."""

    rewriter: Rewriter
    ranges: KnownRanges
    _activations: dict[Value, Value] = field(default_factory=dict)
    _weights: dict[tuple[Value, int], Value] = field(default_factory=dict)

    def convert(self, node: Node, operands: tuple[int, ...], is_integer_layer: bool) -> None:
        """Gives a node its operands through integers."""
        if not operands:
            return
        inputs = list(node.inputs)
        for position in operands:
            inputs[position] = self._activation(inputs[position], node)
        if is_integer_layer:
            inputs[1] = self._weight(node)
        replaced = [value.producer for value in node.inputs if value.is_const]
        self.rewriter.set_inputs(node, inputs)
        for producer in replaced:
            if producer is not None:
                self.rewriter.erase_dead(producer)

    def _activation(self, value: Value, reader: Node) -> Value:
        """Returns what comes back of a value that was rounded to integers."""
        if value not in self._activations:
            known = self.ranges.of(value)
            assert known is not None
            attrs = {"scales": (float(np.float32(max(-known.low, known.high) / LARGEST)),)}
            self._activations[value] = self._dequantize(
                self.rewriter.insert("quantize", [value], attrs, before=reader, locs=_locs(value, reader), name=f"{value.name}.i8").output,
                attrs, f"{value.name}.dequantized", reader)
        return self._activations[value]

    def _weight(self, layer: Node) -> Value:
        """Returns a layer's weights as they come back from integers."""
        weights = layer.inputs[1]
        axis = 1 if layer.has_trait("deconv") else 0
        if (weights, axis) not in self._weights:
            channels_first = np.moveaxis(weights.array, axis, 0)
            quantized = quantize_weights(channels_first, 1, None)
            integers = np.ascontiguousarray(np.moveaxis(quantized.integers, 0, axis))
            stored = self.rewriter.constant(f"{weights.name}.i8", integers, before=layer, locs=layer.locs)
            attrs = {"scales": tuple(float(np.float32(scale)) for scale in quantized.scales), "axis": axis}
            self._weights[weights, axis] = self._dequantize(stored, attrs, f"{weights.name}.dequantized", layer)
        return self._weights[weights, axis]

    def _dequantize(self, integers: Value, attrs: Mapping[str, object], name: str, reader: Node) -> Value:
        return self.rewriter.insert("dequantize", [integers], attrs, before=reader, locs=_locs(integers, reader), name=name).output


def _locs(value: Value, reader: Node) -> tuple[Loc, ...]:
    return value.producer.locs if value.producer is not None else reader.locs
