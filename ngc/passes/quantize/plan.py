"""Decides what becomes int8: which layers multiply integers, which values are stored as integers, and what those stand for.

A value is stored as u8 where a layer that multiplies integers reads it, through any number of pools, element-wise groups and moves, and as a residual of
what is stored so itself. What only other operators read, or the caller, stays in f32. Values that pooling or moving leaves as they are share one scale.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from math import prod

import numpy as np

from ngc.ir import Graph, Node, SymDim, Value
from ngc.ir.ops.pooling import pool_windows
from ngc.ir.tensor_type import Quant
from ngc.passes.layers import MOVES, is_layer, passes_on, step_tensors, why_not_narrowed
from ngc.passes.value_ranges import KnownRanges, ValueRange

_LEVELS = 255

_LARGEST_SUM = 2**31 - 1

_SMALLEST = float(np.finfo(np.float32).tiny)
"""Scales below have no inverse that f32 holds: what lies in such a range counts as zero."""

_LEAST_CHANNEL = 2.0**-20
"""The least part of a tensor's range that a channel's range may be."""

_MARGIN = 1.1
"""How much larger than seen a channel may become: calibration sees few elements of each."""


@dataclass(frozen=True)
class Plan:
    """What `plan` decided.

    Attributes:
        layers: nodes that multiply u8 by i8.
        storing: nodes that store their results as u8.
        quants: what the integers of each value stand for that somebody reads as u8.
        refused: why the other convolutions and dense layers stay in f32.
    """

    layers: Set[Node]
    storing: Set[Node]
    quants: Mapping[Value, Quant]
    refused: Mapping[Node, str]


def plan(graph: Graph, ranges: Mapping[str, ValueRange], excluded: Mapping[Node, str]) -> Plan:
    """Returns the decisions for a graph after fusion.

    Args:
        graph: the graph.
        ranges: calibrated ranges by the names of values.
        excluded: nodes that must not multiply integers, and if they are no layers not store them, each with the reason.
    """
    barred = {node for node in excluded if not is_layer(node)}
    known = KnownRanges(ranges)
    while True:
        found = _plan(_Planner(graph, known, barred), excluded)
        unsound = {node for node in found.storing if is_average(node) and _counts_zeros(node) and found.quants[node.inputs[0]].zero_point}
        if not unsound:
            return found
        barred |= unsound


def _plan(planner: "_Planner", excluded: Mapping[Node, str]) -> Plan:
    """Returns the decisions, in which the zero of averages may not be 0 yet."""
    graph = planner.graph
    layers: dict[Node, None] = {}
    refused: dict[Node, str] = {}
    for node in graph.nodes:
        if is_layer(node):
            reason = excluded.get(node) or planner.why_not_int8(node)
            if reason is None:
                layers[node] = None
            else:
                refused[node] = reason
    storing: dict[Node, None] = {}
    for node in reversed(graph.nodes):
        if any(planner.wants(use.node, use.operand, layers.keys(), storing.keys()) for value in node.outputs for use in value.uses) \
                and planner.can_store(node):
            storing[node] = None
    wanted = [value for value in graph.values() if not value.is_const
              and ((value.producer in storing) or any(planner.wants(use.node, use.operand, layers.keys(), storing.keys()) for use in value.uses))]
    quants = planner.quants(wanted, storing.keys())
    quants.update({value: quant for value in quants if (quant := planner.quant_of_channels(value, layers.keys(), storing.keys())) is not None})
    return Plan(layers.keys(), storing.keys(), quants, refused)


def is_average(node: Node) -> bool:
    """Whether a node is a pool that averages."""
    return node.op == "pool" and node.attrs["kind"] == "avg"


def quant_of_range(low: float, high: float) -> Quant:
    """Returns the quantization whose 256 integers cover a range that holds 0, which is one of them exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / _LEVELS))
    if not scale > _SMALLEST:
        return Quant((1.0,), 0)
    return Quant((scale,), min(max(round(-low / scale), 0), _LEVELS))


@dataclass
class _Planner:
    graph: Graph
    ranges: KnownRanges
    barred: Set[Node]

    def why_not_int8(self, layer: Node) -> str | None:
        """Returns why a layer must multiply floats, None where it may multiply integers."""
        if layer.has_trait("deconv") or layer.op == "separable_conv2d":
            return f"{layer.op} has no int8 form"
        if (reason := why_not_narrowed(layer)) is not None:
            return reason
        x, w = layer.inputs[:2]
        if x.is_const:
            return f"the data %{x.name} is a constant"
        if layer.attrs.get("prologue"):
            return "it has a prologue"
        if self.ranges.of(x) is None:
            return f"no range of %{x.name} was calibrated"
        if not np.isfinite(w.array).all():
            return "weights are not finite"
        if prod(w.array.shape[1:]) * 255 * 127 > _LARGEST_SUM:
            return f"sums of {prod(w.array.shape[1:])} products may exceed 32 bits"
        inputs = x.type.shape[-1]
        if layer.has_trait("dense") and (not isinstance(inputs, int) or inputs % 4):
            return f"{inputs} inputs of a dense layer do not make fours"
        return None

    def can_store(self, node: Node) -> bool:
        """Whether a node can give its results as integers."""
        if node in self.barred or any(self.graph.is_output(value) or value.type.dtype != "f32" or self.ranges.of(value) is None for value in node.outputs):
            return False
        if is_layer(node):
            return "result" in node.attrs
        if node.op == "eltwise":
            return node.inputs[0].type.dtype == "f32" and not node.inputs[0].is_const
        if any(value.is_const or value.type.dtype != "f32" or self.ranges.of(value) is None for value in node.inputs):
            return False
        if node.op == "pool":
            return (node.attrs["kind"] == "max" and not _has_empty_window(node)) or is_average(node)
        return node.op in MOVES and (node.op != "pad" or (node.attrs["mode"] == "constant" and node.attrs["value"] == 0))

    def wants(self, reader: Node, operand: int, layers: Set[Node], storing: Set[Node]) -> bool:
        """Whether a reader takes an operand as integers."""
        if operand == 0 and reader in layers:
            return True
        if reader not in storing:
            return False
        if is_layer(reader) or reader.op == "eltwise":
            residual = operand in step_tensors(reader, "add") and reader.inputs[operand].type.shape == reader.type.shape
            return residual or (operand == 0 and reader.op == "eltwise")
        return True

    def quants(self, wanted: list[Value], storing: Set[Node]) -> dict[Value, Quant]:
        """Returns the quantization of each value; those that share integers share one that covers all of their sources."""
        parent = {value: value for value in wanted}

        def root(value: Value) -> Value:
            while parent[value] is not value:
                parent[value] = parent[parent[value]]
                value = parent[value]
            return value

        passed_on = {value: value.producer.inputs for value in wanted if value.producer is not None and value.producer in storing and passes_on(value.producer)}
        for value, operands in passed_on.items():
            for operand in operands:
                parent[root(operand)] = root(value)
        sources: dict[Value, list[ValueRange]] = {}
        for value in wanted:
            known = self.ranges.of(value)
            if known is not None and value not in passed_on:
                sources.setdefault(root(value), []).append(known)
        found = {at: quant_of_range(min(part.low for part in parts), max(part.high for part in parts)) for at, parts in sources.items()}
        return {value: found[root(value)] for value in wanted if root(value) in found}

    def quant_of_channels(self, value: Value, layers: Set[Node], storing: Set[Node]) -> Quant | None:
        """Returns a quantization with a scale for each channel, None where somebody needs one for all.

        Depthwise convolutions do not add channels to one another, so each may have its own scale: what equalizing the channels across layers is after in
        networks of such convolutions (Nagel et al., Data-Free Quantization, 2019), without moving anything between weights.
        """
        producer, known = value.producer, self.ranges.of(value)
        if producer is None or producer not in storing or len(producer.outputs) != 1 or producer.op == "pool" or passes_on(producer):
            return None
        if known is None or known.low < 0 or known.channel_highs is None:
            return None
        if not all(use.node in layers and use.operand == 0 and is_depthwise(use.node) for use in value.uses):
            return None
        highs = [min(max(high * _MARGIN, known.high * _LEAST_CHANNEL), known.high) if high > 0 else known.high for high in known.channel_highs]
        scales = tuple(float(np.float32(high / _LEVELS)) for high in highs)
        return Quant(scales, 0, axis=1) if min(scales) > _SMALLEST else None


def is_depthwise(node: Node) -> bool:
    """Whether a node is a convolution of each channel by itself."""
    return node.has_trait("conv") and node.attrs["groups"] == node.inputs[0].type.shape[1] == node.inputs[1].type.shape[0] != 1


def _counts_zeros(node: Node) -> bool:
    """Whether an average has elements that are no data: then the integer 0 must be zero."""
    return (any(node.attrs["pad"]) and node.attrs["count_include_pad"]) or _has_empty_window(node)


def _has_empty_window(node: Node) -> bool:
    """Whether a window of a pool holds no element of the data."""
    sizes = node.inputs[0].type.shape[2:]
    specs = zip(node.attrs["kernel"], node.attrs["stride"], node.attrs["pad"], strict=True)
    return any(end <= start for size, spec in zip(sizes, specs, strict=True) if not isinstance(size, SymDim)
               for start, end, _ in pool_windows(size, *spec, node.attrs["convention"]))
