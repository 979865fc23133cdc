"""Drawing, judging and shrinking the cases of one operator."""

import functools
import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bench.differential.case import Case
from bench.differential.judge import Verdict, judge
from bench.differential.maker import Maker
from bench.differential.oracle import Oracle
from bench.differential.strategies import TRIED
from bench.differential.strategies.strategy import Strategy

BATCH = 16
"""The most cases of one round trip: enough for ngc to work while MXNet does."""

SHRINKING = 60.0
"""Seconds after which shrinking only looks at cases whose verdict it knows."""


@dataclass
class Tally:
    """What became of an operator's cases.

    Attributes:
        refusals: of ngc alone, by reason.
        error: the largest in units of the tolerance.
        finding: the smallest case that nothing explains, as a program; empty if there is none.
    """

    tried: int = 0
    compiled: int = 0
    both_refuse: int = 0
    error: float = 0.0
    refusals: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    finding: str = ""
    summary: str = ""

    def add(self, verdict: Verdict) -> None:
        """Counts one case."""
        self.tried += 1
        self.compiled += verdict.compiled
        self.error = max(self.error, verdict.error)
        if verdict.kind == "both refuse":
            self.both_refuse += 1
        elif verdict.kind == "refused":
            self.refusals[reason(verdict.text)] += 1
        if verdict.known is not None:
            self.known[verdict.known.title] += 1

    @property
    def refused(self) -> int:
        """How many cases ngc alone refused."""
        return self.refusals.total()


def reason(refusal: str) -> str:
    """Returns a refusal without what differs from case to case: where it is, and numbers."""
    unsupported = re.search(r"^  (.+) x\d+: ", refusal, re.MULTILINE)
    text = unsupported[1] if unsupported else re.sub(r"^.*?\): (?=\S)", "", refusal.strip().splitlines()[0])
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "#", re.sub(r"\([^()]*\)", "(…)", text))[:160]


class Difference(AssertionError):
    """A case that nothing explains."""

    def __init__(self, case: Case, verdict: Verdict) -> None:
        super().__init__(f"{case.summary()}\n{verdict.kind}: {verdict.text}\n\n{case.snippet()}")
        self.case, self.verdict = case, verdict


def cases_of(op: str, strategy: Strategy) -> st.SearchStrategy[Case]:
    """Returns the hypothesis strategy of an operator's cases."""

    @st.composite
    def one(draw: Callable[[Any], Any]) -> Case:
        return strategy(Maker(draw), op)

    return one()


def search(op: str, strategy: Strategy, count: int, seed: int, oracle: Oracle) -> Tally:
    """Returns what became of about `count` cases; stops at the first that nothing explains, with the smallest such case."""
    tally = Tally()
    while tally.tried < count and not tally.finding:
        before = tally.tried
        _round(op, strategy, count - before, seed + before, oracle, tally)
        if tally.tried - before < BATCH:
            break  # the operator has no more cases than that
    return tally


def _round(op: str, strategy: Strategy, count: int, seed: int, oracle: Oracle, tally: Tally) -> None:
    deadline = 0.0
    seen: dict[Case, Verdict] = {}

    @hypothesis.seed(seed)
    @settings(max_examples=max(1, count // 6), database=None, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck),
              phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False)
    @given(st.lists(cases_of(op, strategy), min_size=1, max_size=BATCH))
    def run(cases: list[Case]) -> None:
        nonlocal deadline
        fresh = [case for case in dict.fromkeys(cases) if case not in seen]
        if not deadline or time.monotonic() < deadline:
            verdicts = dict(zip(fresh, judge(fresh, oracle), strict=True))
            if not deadline:
                for verdict in verdicts.values():
                    tally.add(verdict)
            seen.update(verdicts)
        for case in cases:
            if case in seen and seen[case].wrong:
                deadline = deadline or time.monotonic() + SHRINKING
                raise Difference(case, seen[case])

    try:
        run()
    except Difference as found:
        tally.finding, tally.summary = found.case.snippet(), f"{found.case.summary()}: {found.verdict.kind}: {found.verdict.text}"


def try_one(name: str, cases: int, seed: int) -> Tally:
    """Returns what became of an operator, or of graphs, with an MXNet that belongs to the calling process."""
    logging.getLogger("ngc").setLevel(logging.ERROR)  # warnings of what is drawn are no news
    return search(name, TRIED[name], cases, seed, _oracle())


@functools.cache
def _oracle() -> Oracle:
    """Returns the MXNet of this process, which ends with it."""
    return Oracle()
