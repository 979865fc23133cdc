"""What became of each layer in quantization: a record for reports and artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ngc.ir import Graph
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
    """Returns the layers of a graph that `quantize` has run on, in order."""
    reasons = {event.node: event.reason for event in graph.events if event.pass_name == "quantize" and event.rule == "precision"}
    found = []
    for node in graph.nodes:
        if not is_layer(node):
            continue
        quant = node.inputs[0].type.quant
        sources = tuple(loc.name for loc in node.locs)
        if node.inputs[0].type.dtype != "u8" or quant is None:
            found.append(LayerQuantization(node.name, sources, node.op, "fp32", reasons.get(node.name, "")))
            continue
        scale = max(quant.scale)
        low, high = -quant.zero_point * scale, (255 - quant.zero_point) * scale
        found.append(LayerQuantization(node.name, sources, node.op, "int8", reasons.get(node.name, ""), low, high, scale, quant.zero_point))
    return tuple(found)
