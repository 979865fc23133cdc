"""Writes the calibrated ranges of values into the graph, so that they follow their values through later passes and into regions.

Adds nothing to the values themselves: the `quantize` pass and `insert-qdq` go by what stands here. Ranges of values that the graph does not have are left out.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.errors import PassError
from ngc.ir import Graph
from ngc.passes.base import Pass, PassContext


@dataclass(frozen=True)
class RecordRanges(Pass):
    """Gives the graph the ranges that calibration found."""

    name: ClassVar[str] = "record-ranges"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Asks the context for the ranges, and records those of the graph's values."""
        if ctx.quantization is None and ctx.calibrate is None:
            if graph.ranges:
                return False
            raise PassError("pass record-ranges needs ranges: a calibration, or a graph that carries them")
        quantization = ctx.quantization if ctx.quantization is not None else ctx.calibrate(graph)  # type: ignore[misc]  # one of them is there
        known = {value.name for value in graph.values() if not value.is_const}
        found = {name: (range.low, range.high) for name, range in quantization.ranges.items() if name in known}
        ranges, excluded = {**graph.ranges, **found}, tuple(dict.fromkeys((*graph.excluded, *quantization.exclude)))
        if (ranges, excluded) == (graph.ranges, graph.excluded):
            return False
        graph.ranges, graph.excluded = ranges, excluded
        return True
