"""Prints every decision of chosen rules as it happens, and every attempt that came to none."""

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ngc.ir import Event, Graph
from ngc.ir.rewrite import Candidate
from ngc.passes.base import PassContext
from ngc.passes.instruments.known_rules import matches, near_names, rule_names
from ngc.passes.manager import Instrument


@dataclass
class TraceRule(Instrument):
    """Writes what becomes of every candidate of rules (or passes) whose names match a pattern: a node that the rule may begin at.

    Events have numbers: applied, refused, skipped, chosen, a refusal once for each reason. Candidates without an event have none: `no match` where the graph is
    of another shape there, `failed` where the rule raised.
    """

    patterns: Sequence[str]
    write: Callable[[str], object]
    heard: set[str] = field(default_factory=set, init=False)
    ctx: PassContext = field(default_factory=PassContext, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.ctx = ctx
        self.heard = set()
        graph.events.listeners.append(self.hear)
        ctx.hooks.tried.append(self.hear_candidate)

    def finish(self, graph: Graph) -> None:
        graph.events.listeners.remove(self.hear)
        self.ctx.hooks.tried.remove(self.hear_candidate)
        for pattern in self.patterns:
            if pattern not in self.heard:
                self.write(f"trace-rule: nothing named {pattern} was asked{near_names(pattern.rpartition('/')[2], rule_names())}\n")

    def hear(self, event: Event) -> None:
        """Writes one event if it is of a chosen rule."""
        if self.wants(event.pass_name, event.rule):
            self.write(f"{event}\n")

    def hear_candidate(self, candidate: Candidate) -> None:
        """Writes an attempt that is no event."""
        if candidate.status in ("no match", "failed") and self.wants(candidate.pass_name, candidate.rule):
            self.write(f"-- {candidate}\n")

    def wants(self, pass_name: str, rule: str) -> bool:
        """Whether a rule or its pass is among those chosen."""
        names = (pass_name, *pass_name.split("/"))
        found = [pattern for pattern in self.patterns if matches(pattern, pass_name, rule) or any(fnmatch.fnmatchcase(name, pattern) for name in names)]
        self.heard.update(found)
        return bool(found)
