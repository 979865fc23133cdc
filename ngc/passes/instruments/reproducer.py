"""Keeps the graph as it was before the pass that runs, for a reproducer where that pass fails."""

from dataclasses import dataclass, field

from ngc.ir import Graph, Weight, clone
from ngc.passes.base import Pass
from ngc.passes.manager import Instrument


@dataclass
class KeepBefore(Instrument):
    """Holds a copy of the graph before the last pass that began, and that pass's number, counted from 1."""

    index: int = field(default=0, init=False)
    graph: Graph | None = field(default=None, init=False)

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        self.index, self.graph = index, clone(graph)


def without_data(graph: Graph) -> Graph:
    """Returns a copy whose constants have no data, which seeded random data then stands for."""
    copy = clone(graph)
    for node in (node for part in copy.with_regions() for node in part.nodes):
        if node.weight is not None:
            node.weight = Weight(node.weight.name, None)
    return copy
