"""What became of each layer in quantization: a record for reports and artifacts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ngc.ir import Graph, Node
from ngc.passes.layers import is_layer

COLUMNS = ("layer", "operator", "precision", "why", "range", "scale", "zero")
"""Headings of tables of layers: four texts, then numbers."""


@dataclass(frozen=True)
class LayerQuantization:
    """One convolution or dense layer.

    Attributes:
        node: its name in the IR.
        sources: the MXNet nodes that it stands for.
        op: the IR's operator.
        precision: "int8" or "fp32".
        reason: why.
        low: the least number that its data's integers stand for; None for a layer in fp32, like all that follow.
        high: the largest.
        scale: of its data; the largest where channels have scales of their own.
        zero_point: of its data.
    """

    node: str
    sources: tuple[str, ...]
    op: str
    precision: str
    reason: str
    low: float | None = None
    high: float | None = None
    scale: float | None = None
    zero_point: int | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The layer as texts of the columns `COLUMNS` of a table."""
        if self.low is None or self.high is None:
            return self.node, self.op, self.precision, self.reason, "", "", ""
        return self.node, self.op, self.precision, self.reason, f"[{self.low:.4g}, {self.high:.4g}]", f"{self.scale:.4g}", str(self.zero_point)

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "LayerQuantization":
        """Returns what `dataclasses.asdict` made a record of, perhaps by way of JSON."""
        known = {field.name for field in fields(cls)}
        return cls(**{**{name: value for name, value in record.items() if name in known}, "sources": tuple(record["sources"])})


def quantized_layers(graph: Graph) -> tuple[LayerQuantization, ...]:
    """Returns the layers of a graph that `quantize` has run on, or in whose regions `insert-qdq` has, in order; those of regions where their calls stand."""
    reasons = {event.node: event.reason for event in graph.events if event.pass_name in DECIDING and event.rule == "precision"}
    return tuple(_outcome(node, reasons) for node in _layers(graph))


DECIDING = ("quantize", "optimize-regions/insert-qdq")
"""What decides which layers multiply integers, as events name it."""


def _layers(graph: Graph) -> Iterator[Node]:
    for node in graph.nodes:
        if is_layer(node):
            yield node
        for region in node.regions:
            yield from _layers(region)


def _outcome(layer: Node, reasons: Mapping[str, str]) -> LayerQuantization:
    data, sources = layer.inputs[0], tuple(loc.name for loc in layer.locs)
    reason = reasons.get(layer.name, "")
    producer = data.producer
    # Engines read their integers through a dequantize.
    stored = producer.inputs[0].type if producer is not None and producer.op == "dequantize" else data.type
    if stored.dtype not in ("u8", "i8") or stored.quant is None:
        return LayerQuantization(layer.name, sources, layer.op, "fp32", reason)
    scale, zero = max(stored.quant.scale), stored.quant.zero_point
    least, most = (0, 255) if stored.dtype == "u8" else (-128, 127)
    return LayerQuantization(layer.name, sources, layer.op, "int8", reason, (least - zero) * scale, (most - zero) * scale, scale, zero)
