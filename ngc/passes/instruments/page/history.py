"""What the page shows, collected while a pipeline runs, and as JSON: each distinct line, location and rule is in it once, everything else are numbers.

The form, which `js/model.js` reads:

    {"title": ..., "lines": [[kind, scope, text, op, results, operands, types, [loc, ...]], ...], "locs": [[name, file, index], ...],
     "rules": [[pass, rule], ...], "reasons": [text, ...], "passes": [[index, name, spec, file, ms, changed, error, operators, [line, ...] or null], ...],
     "events": [[pass position, number, rule, status, node, reason, [loc, ...]], ...],
     "kernels": [[node, symbol, op, note, has files], ...], "engines": [[node, engine, [file, ...]], ...]}

Lines of a pass are null where they are those of the pass before.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ngc.ir import Event
from ngc.passes.instruments.page.snapshot import Line

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True)
class PassRecord:
    """The graph after one pass.

    Attributes:
        index: of the pass in the pipeline from 1; 0 for the graph before all.
        name: of the pass.
        spec: the pass with its options.
        file: with the graph's text; empty where there is none.
        seconds: that the pass took.
        changed: whether it changed the graph.
        operators: how often each occurs.
        lines: of the graph.
        error: why it failed.
    """

    index: int
    name: str
    spec: str
    file: str
    seconds: float
    changed: bool
    operators: Mapping[str, int]
    lines: Sequence[Line]
    error: str = ""


@dataclass(frozen=True)
class Kernel:
    """A call of a kernel that a node became: the symbol, what it computes, the algorithm, and whether `kernels/` has its LLVM IR and assembly."""

    node: str
    symbol: str
    op: str
    note: str = ""
    has_files: bool = True


@dataclass(frozen=True)
class EngineFiles:
    """What was built for an engine call: the engine and the names of the files in `engines/`."""

    node: str
    engine: str
    files: tuple[str, ...]


class Table(Generic[Item]):
    """Numbers distinct items in the order in which they come."""

    def __init__(self) -> None:
        self.items: dict[Item, int] = {}

    def number(self, item: Item) -> int:
        """Returns the number of an item, a new one where it is new."""
        return self.items.setdefault(item, len(self.items))


@dataclass
class History:
    """Passes and events so far, and what became of the nodes in the end."""

    title: str
    passes: list[PassRecord] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)
    kernels: list[Kernel] = field(default_factory=list)
    engines: list[EngineFiles] = field(default_factory=list)

    def add(self, record: PassRecord, events: Sequence[Event]) -> None:
        """Appends a pass with the decisions that were made in it."""
        self.passes.append(record)
        self.hear(events)

    def hear(self, events: Sequence[Event]) -> None:
        """Counts further decisions to the last pass."""
        self.events += ((len(self.passes) - 1, event) for event in events)

    def counts(self, position: int) -> dict[str, int]:
        """Returns how many events of each status the pass at a position has."""
        found: dict[str, int] = {}
        for place, event in self.events:
            if place == position:
                found[event.status] = found.get(event.status, 0) + 1
        return found

    def data(self) -> dict[str, Any]:
        """Returns all of it in JSON's types, in the form that stands above."""
        lines, locs, rules, reasons = Table[Line](), Table[Any](), Table[tuple[str, str]](), Table[str]()
        passes = []
        previous: Sequence[Line] | None = None
        for record in self.passes:
            numbers = None if record.lines == previous else [lines.number(line) for line in record.lines]
            passes.append([record.index, record.name, record.spec, record.file, round(record.seconds * 1e3, 3), record.changed, record.error,
                           dict(record.operators), numbers])
            previous = record.lines
        events = [[position, event.number, rules.number((event.pass_name, event.rule)), event.status, event.node, reasons.number(event.reason),
                   [locs.number(loc) for loc in event.locs]] for position, event in self.events]
        shown = [[line.kind, line.scope, line.text, line.op, line.results, line.operands, line.types, [locs.number(loc) for loc in line.locs]]
                 for line in lines.items]
        return {"title": self.title, "lines": shown, "locs": [[loc.name, loc.file, loc.index] for loc in locs.items], "rules": list(rules.items),
                "reasons": list(reasons.items), "passes": passes, "events": events,
                "kernels": [[kernel.node, kernel.symbol, kernel.op, kernel.note, kernel.has_files] for kernel in self.kernels],
                "engines": [[engine.node, engine.engine, engine.files] for engine in self.engines]}
