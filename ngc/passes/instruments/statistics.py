"""Counts what each pass did: rules by what became of their candidates, operators, bytes of constants, time."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ngc.ir import Event, Graph
from ngc.ir.rewrite import Candidate
from ngc.passes.base import Pass, PassContext
from ngc.passes.manager import Instrument

Counts = dict[str, Counter[str]]
"""By rule, how many of its candidates had each status."""


@dataclass(frozen=True)
class Size:
    """Operators, constants left out, and bytes of constants' data, each array once; regions are counted in."""

    operators: int
    constant_bytes: int

    @classmethod
    def of(cls, graph: Graph) -> "Size":
        """Returns the size of a graph."""
        nodes = [node for part in graph.with_regions() for node in part.nodes]
        arrays = {id(array): array.nbytes for node in nodes if node.weight is not None and (array := node.weight.array) is not None}
        return cls(sum(node.op != "const" for node in nodes), sum(arrays.values()))


@dataclass
class PassStatistics:
    """What one pass did, `depth` passes deep in regions' passes."""

    name: str
    index: int
    depth: int
    before: Size
    after: Size
    seconds: float = 0.0
    rules: Counts = field(default_factory=dict)
    decisions: Counts = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns what JSON holds of it."""
        return {"pass": self.name, "index": self.index, "depth": self.depth, "seconds": self.seconds,
                "operators": [self.before.operators, self.after.operators], "constant_bytes": [self.before.constant_bytes, self.after.constant_bytes],
                "rules": {name: _sums(counts) for name, counts in self.rules.items()},
                "decisions": {name: dict(counts) for name, counts in self.decisions.items()}}


@dataclass
class Statistics(Instrument):
    """Writes a table, or JSON, when the pipeline ends.

    Candidates of a rule are the nodes that it was tried at, a node again where something near it changed. Those that matched were refused, skipped by an
    instrument, or fired. Decisions that are no rules' (precision, layout) are counted by their events.
    """

    write: Callable[[str], object]
    as_json: bool = False
    rows: list[PassStatistics] = field(default_factory=list, init=False)
    running: list[PassStatistics] = field(default_factory=list, init=False)
    ctx: PassContext = field(default_factory=PassContext, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.ctx, self.rows, self.running = ctx, [], []
        ctx.region_instruments.append(self)
        ctx.hooks.tried.append(self.tried)
        graph.events.listeners.append(self.heard)

    def finish(self, graph: Graph) -> None:
        self.ctx.region_instruments.remove(self)
        self.ctx.hooks.tried.remove(self.tried)
        graph.events.listeners.remove(self.heard)
        self.write((json.dumps([row.as_dict() for row in self.rows]) if self.as_json else self.table()) + "\n")

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        size = Size.of(graph)
        row = PassStatistics(item.name, index, len(self.running), size, size)
        self.rows.append(row)
        self.running.append(row)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        self._end(graph).seconds = seconds

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        if self.running:
            self._end(graph)

    def tried(self, candidate: Candidate) -> None:
        """Counts an attempt of a rule."""
        self.running[-1].rules.setdefault(candidate.rule, Counter())[candidate.status] += 1

    def heard(self, event: Event) -> None:
        """Counts an event; whether it is a rule's is known when the pass is done."""
        if self.running:
            self.running[-1].decisions.setdefault(event.rule, Counter())[event.status] += 1

    def _end(self, graph: Graph) -> PassStatistics:
        row = self.running.pop()
        row.after = Size.of(graph)
        told = {name for other in self.rows[self.rows.index(row):] for name in other.rules}  # its rules, and those of passes that it ran in regions
        row.decisions = {name: counts for name, counts in row.decisions.items() if name not in told}
        return row

    def table(self) -> str:
        """Returns a line for each pass and one for each of its rules that matched anywhere; the others are in JSON only."""
        lines = [f"{'operators':>14}  {'constants KiB':>19}  {'ms':>9}  pass, rules"]
        for row in self.rows:
            before, after, indent = row.before, row.after, "  " * row.depth
            sizes = f"{before.operators:>5} -> {after.operators:<5}  {before.constant_bytes / 1024:8.1f} -> {after.constant_bytes / 1024:<8.1f}"
            lines.append(f"{sizes}  {row.seconds * 1e3:9.3f}  {indent}{row.name} ({row.index})")
            told = [(name, _sums(counts)) for name, counts in row.rules.items() if counts.total() > counts["no match"]]
            for name, numbers in (*told, *row.decisions.items()):
                lines.append(f"{'':48}{indent}    {name}: {', '.join(f'{status} {number}' for status, number in numbers.items())}")
        return "\n".join(lines)


def _sums(counts: Counter[str]) -> dict[str, int]:
    """Returns how many candidates a rule had and how many matched, then what became of those."""
    sums = {"candidates": counts.total(), "matched": counts.total() - counts["no match"]}
    return sums | {status: counts[status] for status in ("applied", "refused", "skipped", "failed") if counts[status]}
