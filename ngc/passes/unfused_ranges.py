"""Brings ranges that were calibrated after fusion back to the values from which fusion made them.

Calibration sees a fused graph, where a convolution's name stands for what comes out after its activation. Engines are given unfused graphs, where that
number is the activation's. Which value is which, the rewriter knows: it lets ranges follow their values. So each value of a copy is given a range of
its own that only says which one it is, and the copy is fused.
"""

from collections.abc import Mapping

from ngc.ir import Graph, clone
from ngc.passes.base import PassContext
from ngc.passes.manager import PassManager
from ngc.passes.registry import QUANTIZABLE
from ngc.passes.value_ranges import ValueRange


def unfused_ranges(graph: Graph, ranges: Mapping[str, ValueRange], ctx: PassContext | None = None, *, pipeline: str = QUANTIZABLE) -> \
        dict[str, tuple[float, float]]:
    """Returns the ranges of the values of a graph, by their names, as far as fusion keeps those values.

    Args:
        graph: before fusion; it is not changed.
        ranges: by the names of values of what the pipeline makes of the graph.
        ctx: of the passes, as calibration had it.
        pipeline: what lies between.
    """
    copy = clone(graph)
    names = [value.name for value in graph.values() if not value.is_const]
    copy.ranges = {name: (float(number), float(number)) for number, name in enumerate(names)}
    PassManager(pipeline, verify_each=False).run(copy, ctx or PassContext())
    found: dict[str, tuple[float, float]] = {}
    for fused, (number, _) in copy.ranges.items():
        if (known := ranges.get(fused)) is not None:
            found[names[int(number)]] = (known.low, known.high)
    return found
