"""Lets a rule fire only some of the times that it could, to find the firing that does harm."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ngc.errors import InputError
from ngc.ir import Graph, Node
from ngc.ir.rewrite import Rule
from ngc.passes.base import PassContext
from ngc.passes.instruments.known_rules import check_pattern, matches
from ngc.passes.manager import Instrument


@dataclass(frozen=True)
class Counter:
    """Of the times that a rule could fire, the first `skip` are skipped, the next `count` (None: all others) fire, and what follows is skipped."""

    pattern: str
    skip: int = 0
    count: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Counter":
        """Returns the counter written as `LayerThenStep:skip=3,count=1` or, with a pass, `fuse-conv/LayerThenStep:count=2`; names may be patterns.

        Raises:
            InputError: text of another form, or a name that no rule has.
        """
        pattern, colon, values = text.rpartition(":")
        found = dict(re.findall(r"(skip|count)=([0-9]{1,9})(?:,|$)", values))
        if not colon or not pattern or not found or values != ",".join(f"{key}={value}" for key, value in found.items()):
            raise InputError(f"--debug-counter takes RULE:skip=3,count=1, one of the two or both, not {text!r}")
        check_pattern(pattern, f"--debug-counter {text}")
        return cls(pattern, int(found.get("skip", 0)), int(found["count"]) if "count" in found else None)


@dataclass
class DebugCounters(Instrument):
    """Counts how often rules could fire, vetoes what lies outside the counters, and writes at the end what became of each."""

    counters: Sequence[Counter]
    write: Callable[[str], object]
    asked: dict[Counter, int] = field(default_factory=dict, init=False)
    fired: dict[Counter, int] = field(default_factory=dict, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.asked, self.fired = dict.fromkeys(self.counters, 0), dict.fromkeys(self.counters, 0)
        ctx.hooks.should_fire.append(self.should_fire)

    def should_fire(self, pass_name: str, rule: Rule, node: Node) -> bool:
        """Asks every counter that means the rule; all of them must allow it."""
        concerned = [counter for counter in self.asked if matches(counter.pattern, pass_name, rule.name)]
        allowed = True
        for counter in concerned:
            number = self.asked[counter]
            self.asked[counter] += 1
            allowed &= counter.skip <= number and (counter.count is None or number < counter.skip + counter.count)
        for counter in concerned:
            self.fired[counter] += allowed
        return allowed

    def finish(self, graph: Graph) -> None:
        for counter, asked in self.asked.items():
            self.write(f"debug-counter: {counter.pattern}: asked {asked}, skipped {asked - self.fired[counter]}, fired {self.fired[counter]}\n")
