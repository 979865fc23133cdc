"""Drawing, judging and shrinking the cases of one operator."""

import contextlib
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

_MEAN = 6
"""How many cases hypothesis draws of a list of at most BATCH, on average."""

SHRINKING = 60.0
"""Seconds that a search for the smallest case may take."""


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
        super().__init__(f"{case.summary()}: {verdict.kind}: {verdict.text}")
        self.case, self.verdict = case, verdict


def cases_of(op: str, strategy: Strategy) -> st.SearchStrategy[Case]:
    """Returns the hypothesis strategy of an operator's cases."""

    @st.composite
    def one(draw: Callable[[Any], Any]) -> Case:
        return strategy(Maker(draw), op)

    return one()


def search(op: str, strategy: Strategy, count: int, seed: int, oracle: Oracle) -> Tally:
    """Returns what became of about `count` cases; stops at the first that nothing explains, with the smallest such case."""
    tally, seen = Tally(), dict[Case, Verdict]()
    while tally.tried < count and not tally.finding:
        before = tally.tried
        _round(cases_of(op, strategy), count - before, seed + before, oracle, tally, seen)
        if tally.tried == before:
            break  # the operator has no more cases than that
    return tally


def _round(drawn: st.SearchStrategy[Case], count: int, seed: int, oracle: Oracle, tally: Tally, seen: dict[Case, Verdict]) -> None:
    """Draws about `count` cases and judges those that were not seen before."""
    deadline = 0.0
    found: list[Difference] = []

    @hypothesis.seed(seed)
    @settings(max_examples=max(2, count // _MEAN + 1), database=None, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck),
              phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False)
    @given(st.lists(drawn, min_size=1, max_size=BATCH))
    def run(cases: list[Case]) -> None:
        nonlocal deadline
        if deadline and time.monotonic() > deadline:
            raise _Enough
        fresh = [case for case in dict.fromkeys(cases) if case not in seen]
        verdicts = dict(zip(fresh, judge(fresh, oracle), strict=True))
        if not deadline:
            for verdict in verdicts.values():
                tally.add(verdict)
        seen.update(verdicts)
        wrong = next((case for case in cases if seen[case].wrong), None)
        if wrong is not None:
            deadline = deadline or time.monotonic() + SHRINKING
            found.append(Difference(wrong, seen[wrong]))
            raise found[-1]

    with contextlib.suppress(Difference, _Enough):
        run()
    if found:
        smallest = min(found, key=lambda difference: len(difference.case.snippet()))
        tally.finding = smallest.case.snippet()
        tally.summary = str(smallest)


class _Enough(BaseException):
    """Ends the shrinking; hypothesis takes an Exception for another finding."""


def try_one(name: str, cases: int, seed: int) -> Tally:
    """Returns what became of an operator, or of graphs, with an MXNet that belongs to the calling process."""
    logging.getLogger("ngc").setLevel(logging.ERROR)  # warnings of what is drawn are no news
    return search(name, TRIED[name], cases, seed, _oracle())


@functools.cache
def _oracle() -> Oracle:
    """Returns the MXNet of this process, which ends with it."""
    return Oracle()
