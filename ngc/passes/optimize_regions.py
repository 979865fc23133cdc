"""Runs passes inside the regions that engines execute: what an engine's own compiler does not do, and what fixes the precision.

Engines fuse by themselves, so their regions keep single operators; but they do not know that a batch normalization's numbers are constants of a network whose
strides could be taken earlier. Precision is said in the region's own types: casts to f16 or bf16, or quantize and dequantize, never left to an engine's switch.

A region's inputs and results keep their types. Changes nothing outside regions.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.errors import PassError
from ngc.ir import Graph
from ngc.passes.base import Pass, PassContext

_CANONICAL = "canonicalize,fold-constants,eliminate-common-subexpressions"
"""For regions that a saved model brings; those that were just divided off are in this form."""

_OPTIMIZE = f"{_CANONICAL},fold-batch-norm,hoist-strides,fold-constants,eliminate-common-subexpressions,eliminate-dead-code"

REGION_PIPELINES = {
    "fp32": _OPTIMIZE,
    "fp16": f"{_OPTIMIZE},narrow-floats{{dtype=f16}},fold-constants,eliminate-dead-code",
    "bf16": f"{_OPTIMIZE},narrow-floats{{dtype=bf16}},fold-constants,eliminate-dead-code",
    "int8": f"{_OPTIMIZE},insert-qdq,eliminate-dead-code",
}
"""What runs inside regions, by precision."""


@dataclass(frozen=True)
class OptimizeRegions(Pass):
    """Optimizes each region for an engine of a precision.

    Attributes:
        precision: fp32, fp16, bf16 or int8.
    """

    name: ClassVar[str] = "optimize-regions"
    enters: ClassVar[bool] = False

    precision: str = "fp32"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Runs the precision's pipeline on every region, whose events join the graph's."""
        from ngc.passes.manager import InsideRegions, PassManager  # the manager runs passes, this one among them
        from ngc.passes.pipeline import parse_pipeline  # as the manager

        if self.precision not in REGION_PIPELINES:
            raise PassError(f"pass optimize-regions: unknown precision {self.precision!r}; known: {', '.join(REGION_PIPELINES)}")
        inside = [InsideRegions(instrument) for instrument in ctx.region_instruments]
        passes = parse_pipeline(REGION_PIPELINES[self.precision], ctx.own_passes)
        manager = PassManager(passes, verify_each=ctx.verify_each, instruments=inside, disable=ctx.disabled)
        changed = False
        for region in (node.regions[0] for node in graph.nodes if node.op == "engine.call"):
            before = len(region.events)
            changed |= manager.run(region, ctx)
            for event in region.events.events[before:]:
                graph.events.record(f"{self.name}/{event.pass_name}", event.rule, event.status, event.node, event.reason, event.locs)
        return changed
