"""Writes the calibrated ranges of values into the graph, so that they follow their values through later passes and into regions.

Calibration knows values by the names that they have after fusion; here they get back the names that they have before it. Changes no value: `insert-qdq` goes by
what stands here. Ranges of values that the graph does not have are left out.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.errors import PassError
from ngc.ir import Graph
from ngc.passes.base import Pass, PassContext
from ngc.passes.unfused_ranges import unfused_ranges


@dataclass(frozen=True)
class RecordRanges(Pass):
    """Gives the graph the ranges that calibration found."""

    name: ClassVar[str] = "record-ranges"
    enters: ClassVar[bool] = False

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Asks the context for the ranges, and records those of the graph's values."""
        if ctx.quantization is None and ctx.calibrate is None:
            if graph.ranges:
                return False
            raise PassError("pass record-ranges needs ranges: a calibration, or a graph that carries them")
        quantization = ctx.quantization if ctx.quantization is not None else ctx.calibrate(graph)  # type: ignore[misc]  # one of them is there
        ranges = {**graph.ranges, **unfused_ranges(graph, quantization.ranges, PassContext(target=ctx.target))}
        excluded = tuple(dict.fromkeys((*graph.excluded, *quantization.exclude)))
        if (ranges, excluded) == (graph.ranges, graph.excluded):
            return False
        graph.ranges, graph.excluded = ranges, excluded
        return True
