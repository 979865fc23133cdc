"""What makes a case interesting, checked in this process: numbers that move, a pass that fails, a graph that a pass breaks.

What fails, or moves numbers, must be the pass that does so in the input: without that, a reduction ends at the easiest fault instead of the one that is
looked for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ngc.errors import NgcError, VerifyError
from ngc.ir import Graph, evaluate
from ngc.ir.random_data import random_feeds
from ngc.opt.reduce.case import Case
from ngc.passes import Instrument, Pass, PassContext, PassManager
from ngc.passes.instruments.tolerance import Tolerance


@dataclass(frozen=True)
class Verdict:
    """Whether a case is interesting, and what was seen."""

    interesting: bool
    detail: str = ""

    def __bool__(self) -> bool:
        return self.interesting


class Check(ABC):
    """Tells which cases are interesting."""

    workers = 1
    """How many cases may be looked at at once."""

    @abstractmethod
    def look(self, case: Case) -> Verdict:
        """Returns whether a case is interesting."""

    def settle(self, case: Case) -> None:  # noqa: B027  # most have nothing to learn
        """Learns from a case which is interesting, and quick to look at, what else others must have in common with it."""

    def leave(self) -> None:  # noqa: B027  # most have nothing to end
        """Ends what looks at cases elsewhere, since the search is left."""


@dataclass
class NumericsCheck(Check):
    """Passes move an output by more than the tolerance; once settled, it is the first such pass, and those before it move none.

    Where the graph itself gives infinities or NaN, nothing is interesting. Inputs are random, of a seed.
    """

    context: Callable[[], PassContext]
    tolerance: Tolerance
    seed: int = 0
    blamed: str | None = field(default=None, init=False)

    def look(self, case: Case) -> Verdict:
        try:
            with np.errstate(all="ignore"):
                return self._compare(case)
        except Exception as error:
            return Verdict(False, f"it fails: {error}")

    def settle(self, case: Case) -> None:
        good, bad = 0, len(case.passes)
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.look(replace(case, passes=case.passes[:middle])):
                bad = middle
            else:
                good = middle
        self.blamed = case.passes[bad - 1].name

    def _compare(self, case: Case) -> Verdict:
        graph = case.ready()
        feeds = random_feeds(graph, self.seed, 1)
        wanted = evaluate(graph, feeds)
        if not all(np.isfinite(array).all() for array in wanted):
            return Verdict(False, "the graph gives infinities or NaN before any pass")
        before = case.passes
        if self.blamed is not None:
            at = next((place for place, item in enumerate(before) if item.name == self.blamed), None)
            if at is None:
                return Verdict(False, f"{self.blamed} does not run")
            before, after = before[:at], before[at:at + 1]
            if before and self._worst(graph, before, feeds, wanted) is not None:
                return Verdict(False, f"a pass before {self.blamed} moves outputs")
            before = after
        found = self._worst(graph, before, feeds, wanted)
        if found is None:
            return Verdict(False, "all outputs stay within the tolerance")
        number, largest, allowed = found
        return Verdict(True, f"the output {graph.output_names[number]!r} moves by {largest:.3g}, {allowed:.3g} is allowed")

    def _worst(self, graph: Graph, passes: tuple[Pass, ...], feeds: dict[str, np.ndarray], wanted: list[np.ndarray]) -> tuple[int, float, float] | None:
        PassManager(passes, verify_each=False).run(graph, self.context())
        return self.tolerance.worst(wanted, evaluate(graph, feeds))


@dataclass
class _Failing(Instrument):
    """Remembers which pass failed."""

    name: str = ""

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        self.name = item.name


@dataclass
class FailureCheck(Check):
    """A pass raises an error (`broken` False) or leaves a graph that does not verify (`broken` True).

    With a text it is one that has the text in its message; without, the error is of the same kind and of the same pass as in the first case that was
    looked at.
    """

    context: Callable[[], PassContext]
    broken: bool
    text: str = ""
    wanted: tuple[str, str] | None = field(default=None, init=False)

    def look(self, case: Case) -> Verdict:
        failing = _Failing()
        try:
            PassManager(case.passes, instruments=[failing], verify_each=self.broken).run(case.ready(), self.context())
        except Exception as error:
            return self._judge(error, failing.name)
        return Verdict(False, "no pass fails")

    def _judge(self, error: Exception, name: str) -> Verdict:
        cause = error.__cause__ if isinstance(error, NgcError) and isinstance(error.__cause__, Exception) else error
        seen = (name, type(cause).__name__)
        shown = f"{name or 'no pass'}: {type(cause).__name__}: {cause}"
        if not name or (self.broken and not isinstance(cause, VerifyError)):
            return Verdict(False, f"it fails in another way: {shown}")
        if self.text:
            return Verdict(self.text in str(cause), shown)
        self.wanted = self.wanted or seen
        return Verdict(seen == self.wanted, shown)
