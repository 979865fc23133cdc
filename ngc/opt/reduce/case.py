"""A case: a graph with the passes that are run on it. A candidate: what makes a smaller case of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TypeVar

from ngc.errors import VerifyError
from ngc.ir import Graph, clone, evaluate, verify
from ngc.ir.random_data import fill_missing_weights, random_feeds
from ngc.opt.reduce.edit import Edit, edited
from ngc.passes import Pass

Item = TypeVar("Item")

Key = tuple[int, ...]
"""Orders the candidates of one kind: when one is taken, those of the smaller case go on from its key."""


@dataclass(frozen=True)
class Case:
    """What is made smaller."""

    graph: Graph
    passes: tuple[Pass, ...]

    @property
    def size(self) -> int:
        """How many nodes the graph has, constants left out."""
        return sum(node.op != "const" for node in self.graph.nodes)

    def ready(self) -> Graph:
        """Returns a copy of the graph that passes may change, with the random data that ngc-opt has for constants without data."""
        graph = clone(self.graph)
        graph.events.events.clear()
        fill_missing_weights(graph)
        return graph


@dataclass(frozen=True)
class Candidate:
    """A smaller case, not yet made: what is changed, in words and as an edit, or other passes."""

    key: Key
    what: str
    edit: Edit | None = None
    passes: tuple[Pass, ...] | None = None

    def of(self, case: Case) -> Case | None:
        """Returns the case that a case becomes, None where that is no valid graph."""
        graph = case.graph
        try:
            if self.edit is not None:
                graph = edited(graph, self.edit)
                verify(graph)
        except VerifyError:
            return None
        return Case(graph, case.passes if self.passes is None else self.passes)


def renewed(case: Case, seed: int) -> Case:
    """Returns the case with calibrated ranges that are those of the values which random inputs lead to: shrunken graphs have other numbers."""
    if not case.graph.ranges:
        return case
    graph = case.ready()
    found: dict[str, tuple[float, float]] = {}
    evaluate(graph, random_feeds(graph, seed, 1), observe=lambda value, array: found.__setitem__(value.name, (float(array.min()), float(array.max()))))
    kept = clone(case.graph)
    kept.ranges = {name: found[name] for name in kept.ranges}
    return replace(case, graph=kept)


def chunks(items: Sequence[Item]) -> Iterator[tuple[Key, Sequence[Item]]]:
    """Yields parts of a list, all of it first, then its halves and so on to single items, with keys that stay in order when some are gone."""
    size = 1 << max(len(items) - 1, 0).bit_length()
    while size and items:
        for start in range(0, len(items), size):
            yield (-size, start), items[start:start + size]
        size //= 2


def fractions(count: int) -> list[int]:
    """Returns numbers between 0 and `count`, both left out: 1/16, 1/8, 1/4, 1/2, 3/4, 7/8, 15/16 of it."""
    parts = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 7 / 8, 15 / 16)
    return sorted(set(takewhile(lambda number: number < count, (max(int(count * part), 1) for part in parts))))


def counted(names: Sequence[str], word: str) -> str:
    """Returns `%name` for one name, `3 words` for more."""
    return f"%{names[0]}" if len(names) == 1 else f"{len(names)} {word}"
