"""Cuts a pipeline after a numbered pass, or inside it after a numbered rule firing, to find the one that breaks a model."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ngc.errors import InputError
from ngc.ir import Graph, Node
from ngc.ir.rewrite import Rule
from ngc.passes.base import Pass, PassContext
from ngc.passes.manager import Instrument


@dataclass(frozen=True)
class BisectLimit:
    """The last pass that runs, numbered from 1 (-1: all), and how many rule firings it may have (None: all)."""

    passes: int
    firings: int | None = None

    @classmethod
    def parse(cls, text: str) -> "BisectLimit":
        """Returns the limit written as `5` (five passes) or `5.12` (four passes, and twelve rule firings of the fifth)."""
        found = re.fullmatch(r"(-1|[0-9]{1,9})(?:\.([0-9]{1,9}))?", text)
        if found is None or (found[1] == "-1" and found[2] is not None):
            raise InputError(f"a bisection limit is a number of passes such as 5, with rule firings of the last one such as 5.12, or -1 for all; not {text!r}")
        return cls(int(found[1]), None if found[2] is None else int(found[2]))


@dataclass
class Bisect(Instrument):
    """Lets passes up to the limit run and says of each whether it does; passes that later ones rely on always run and have no number."""

    limit: BisectLimit
    write: Callable[[str], object]
    asked: int = field(default=0, init=False)
    firings: int = field(default=0, init=False)
    counting: bool = field(default=False, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.asked = 0
        ctx.hooks.should_fire.append(self.should_fire)

    def should_run(self, index: int, item: Pass, graph: Graph) -> bool:
        self.asked += 1
        runs = self.limit.passes < 0 or self.asked <= self.limit.passes
        self.write(f"BISECT: {'' if runs else 'NOT '}running pass ({self.asked}) {item.name}\n")
        self.counting = runs and self.asked == self.limit.passes
        self.firings = 0
        return runs

    def should_fire(self, pass_name: str, rule: Rule, node: Node) -> bool:
        """Numbers the rule firings of the last pass and stops them after the limit."""
        if not self.counting or self.limit.firings is None:
            return True
        self.firings += 1
        fires = self.firings <= self.limit.firings
        self.write(f"BISECT: {'' if fires else 'NOT '}running rule ({self.asked}.{self.firings}) {rule.name} at %{node.name}\n")
        return fires

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        self.counting = False
