"""Prints every decision of chosen rules as it happens: applied, refused and why, skipped."""

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ngc.ir import Event, Graph
from ngc.passes.base import PassContext
from ngc.passes.manager import Instrument


@dataclass
class TraceRule(Instrument):
    """Writes the events of rules (or passes) whose names match a pattern."""

    patterns: Sequence[str]
    write: Callable[[str], object]

    def start(self, graph: Graph, ctx: PassContext) -> None:
        graph.events.listeners.append(self.hear)

    def finish(self, graph: Graph) -> None:
        graph.events.listeners.remove(self.hear)

    def hear(self, event: Event) -> None:
        """Writes one event if it is of a chosen rule."""
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns for name in (event.rule, event.pass_name, *event.pass_name.split("/"))):
            self.write(f"{event}\n")
