"""Measures how long each pass takes, those inside regions too."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ngc.ir import Graph
from ngc.passes.base import Pass, PassContext
from ngc.passes.manager import Instrument


@dataclass(frozen=True)
class Timed:
    """One pass that ran: its seconds hold those of `inner`, the passes that it ran in regions."""

    name: str
    seconds: float
    changed: bool
    inner: tuple["Timed", ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Returns what JSON holds of it."""
        return {"name": self.name, "seconds": self.seconds, "changed": self.changed, "passes": [row.as_dict() for row in self.inner]}

    def own_times(self) -> Iterator[tuple[str, float]]:
        """Yields its name and those of inner passes, each with the seconds that no inner pass took."""
        yield self.name, self.seconds - sum(row.seconds for row in self.inner)
        for row in self.inner:
            yield from row.own_times()


@dataclass
class Timing(Instrument):
    """Keeps what ran, and writes it when the pipeline ends: as a `tree` in order, as a `list` of passes, the slowest first, or as `json`."""

    write: Callable[[str], object] = lambda text: None
    form: str = "tree"
    rows: list[Timed] = field(default_factory=list, init=False)
    running: list[list[Timed]] = field(default_factory=list, init=False)
    ctx: PassContext = field(default_factory=PassContext, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.ctx = ctx
        ctx.region_instruments.append(self)

    def finish(self, graph: Graph) -> None:
        self.ctx.region_instruments.remove(self)
        self.write({"tree": self.table, "list": self.slowest, "json": self.json}[self.form]() + "\n")

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        self.running.append([])

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        inner = tuple(self.running.pop())
        (self.running[-1] if self.running else self.rows).append(Timed(item.name, seconds, changed, inner))

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        self.running.clear()

    def table(self) -> str:
        """Returns one line a pass in the order in which they ran: milliseconds, share, name; then the sum."""
        total = sum(row.seconds for row in self.rows)
        lines = [_HEADER]

        def add(rows: tuple[Timed, ...], depth: int) -> None:
            for row in rows:
                lines.append(_line(row.seconds, total, f"{'  ' * depth}{row.name}{'' if row.changed else '  (changed nothing)'}"))
                add(row.inner, depth + 1)

        add(tuple(self.rows), 0)
        return "\n".join([*lines, _line(total, total, f"all {len(self.rows)} passes")])

    def slowest(self) -> str:
        """Returns one line for each name, the slowest first, its runs added up; passes inside regions count for themselves."""
        times: dict[str, list[float]] = {}
        for name, seconds in (pair for row in self.rows for pair in row.own_times()):
            times.setdefault(name, []).append(seconds)
        total = sum(row.seconds for row in self.rows)
        ordered = sorted(times.items(), key=lambda pair: -sum(pair[1]))
        lines = [_line(sum(runs), total, name + (f"  ({len(runs)} runs)" if len(runs) > 1 else "")) for name, runs in ordered]
        return "\n".join([_HEADER, *lines, _line(total, total, f"all {len(self.rows)} passes")])

    def json(self) -> str:
        """Returns {"seconds": ..., "passes": [{"name", "seconds", "changed", "passes"}, ...]}."""
        return json.dumps({"seconds": sum(row.seconds for row in self.rows), "passes": [row.as_dict() for row in self.rows]})


_HEADER = f"{'ms':>10}  {'share':>6}  pass"


def _line(seconds: float, total: float, text: str) -> str:
    return f"{seconds * 1e3:10.3f}  {100 * seconds / total if total else 0:5.1f}%  {text}"
