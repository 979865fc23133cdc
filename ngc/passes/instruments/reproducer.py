"""Keeps the graph as it was before the pass that runs, and writes it as a reproducer where that pass fails."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ngc.errors import NgcError
from ngc.ir import Graph, Weight, clone
from ngc.passes.base import Pass
from ngc.passes.manager import Instrument
from ngc.passes.pipeline import format_pipeline
from ngc.passes.reproducer import Recipe, write_reproducer


@dataclass
class KeepBefore(Instrument):
    """Holds a copy of the graph before the last pass that began, and that pass's number, counted from 1."""

    index: int = field(default=0, init=False)
    graph: Graph | None = field(default=None, init=False)

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        self.index, self.graph = index, clone(graph)


@dataclass
class WriteReproducer(KeepBefore):
    """Writes a reproducer where a pass fails, or the verification after it.

    Attributes:
        path: where to.
        passes: the whole pipeline.
        recipe: how it is run; passes and error are filled in.
        say: hears which files were written.
    """

    path: Path
    passes: Sequence[Pass]
    recipe: Recipe
    say: Callable[[str], object]

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        if self.graph is None:
            return
        remaining = self.passes[index - 1:]
        calibration = self.recipe.calibration if any(item.name == "quantize" for item in remaining) else ""
        recipe = replace(self.recipe, passes=format_pipeline(remaining), error=str(error).split("\n")[0] or type(error).__name__, calibration=calibration)
        with suppress(NgcError):  # what the pass raised matters more than a folder that cannot be written to
            files = write_reproducer(self.path, self.graph, recipe)
            self.say(f"pass {item.name} failed; reproducer written to {' and '.join(map(str, files))}")


def without_data(graph: Graph) -> Graph:
    """Returns a copy whose constants have no data, which seeded random data then stands for."""
    copy = clone(graph)
    for node in (node for part in copy.with_regions() for node in part.nodes):
        if node.weight is not None:
            node.weight = Weight(node.weight.name, None)
    return copy
