"""The search: tries candidates until none is interesting any more."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from ngc.errors import InputError
from ngc.ir import print_graph
from ngc.opt.reduce.case import Candidate, Case, Key, renewed
from ngc.opt.reduce.checks import Check
from ngc.opt.reduce.kinds import KINDS, NOTES, QUICKENING, Kind
from ngc.passes import format_pipeline


@dataclass
class Reducer:
    """One reduction.

    The result does not depend on how many cases are looked at at once: of several interesting candidates the first is taken, as if the others had not been
    looked at. `best` is the smallest case so far, also when the search is left by an exception.

    Attributes:
        check: says what is interesting.
        best: the case that the search begins with.
        seed: of the random inputs that calibrated ranges are renewed with.
        tell: hears what was taken, with the numbers so far.
        tried: how many candidates were looked at.
        taken: how many were interesting.
        renews: whether calibrated ranges follow the values of every candidate: shrunken graphs have other numbers.
    """

    check: Check
    best: Case
    seed: int = 0
    tell: "Callable[[Reducer, str], object]" = lambda reducer, what: None
    tried: int = field(default=0, init=False)
    taken: int = field(default=0, init=False)
    begun: float = field(default=0.0, init=False)
    renews: bool = field(default=False, init=False)
    seen: set[int] = field(default_factory=set, init=False)

    def begin(self) -> None:
        """Looks at the case to begin with.

        Raises:
            InputError: it is not interesting.
        """
        self.begun = time.monotonic()
        self.tell(self, "looking at the input")
        if not (verdict := self.check.look(self.best)):
            raise InputError(f"the input is not interesting: {verdict.detail}")
        self.tell(self, f"the input is interesting: {verdict.detail}" if verdict.detail else "the input is interesting")

    def run(self) -> Case:
        """Returns the smallest case that was found."""
        with ThreadPoolExecutor(self.check.workers) as pool:
            self.renews = bool(self.best.graph.ranges)
            if not self._round(QUICKENING, pool) and self.renews:
                self._renew(pool)
            self.check.settle(self.best)
            while self._round(KINDS, pool):
                pass
            self.renews = False
            self._round(NOTES, pool)
        return self.best

    @property
    def seconds(self) -> float:
        """How long the search has been going on."""
        return time.monotonic() - self.begun

    def _renew(self, pool: ThreadPoolExecutor) -> None:
        """Finds out whether the case is still interesting with renewed ranges, which no smaller one has shown; they stay as they are where it is not."""
        fresh = renewed(self.best, self.seed)
        self.tried += 1
        self.renews = bool(self.check.look(fresh))
        if self.renews:
            self.best = fresh
            return
        self.seen.clear()
        self._round(QUICKENING, pool)

    def _round(self, kinds: Mapping[str, Kind], pool: ThreadPoolExecutor) -> bool:
        """Tries kinds one after the other, each as long as it helps; returns whether any did."""
        before = self.taken
        for name, kind in kinds.items():
            while self._exhaust(name, kind, pool):
                pass
        return self.taken > before

    def _exhaust(self, name: str, kind: Kind, pool: ThreadPoolExecutor) -> bool:
        """Tries the candidates of one kind, from the largest step to the smallest; returns whether one was taken."""
        after: Key | None = None
        while (found := self._first(kind, after, pool)) is not None:
            candidate, self.best = found
            after = candidate.key
            self.taken += 1
            self.tell(self, f"{name}: {candidate.what}")
        return after is not None

    def _first(self, kind: Kind, after: Key | None, pool: ThreadPoolExecutor) -> tuple[Candidate, Case] | None:
        """Returns the first interesting candidate whose key is not smaller than `after`."""
        listed = self._cases(kind, after)
        while batch := list(islice(listed, self.check.workers)):
            self.tried += len(batch)
            try:
                verdicts = [self.check.look(batch[0][1])] if len(batch) == 1 else list(pool.map(self.check.look, [case for _, case in batch]))
            except BaseException:
                self.check.leave()
                raise
            for found, verdict in zip(batch, verdicts, strict=True):
                if verdict:
                    return found
        return None

    def _cases(self, kind: Kind, after: Key | None) -> Iterator[tuple[Candidate, Case]]:
        """Yields the valid cases of a kind that were not looked at before."""
        for candidate in kind(self.best):
            if after is not None and candidate.key < after:
                continue
            case = candidate.of(self.best)
            if case is None:
                continue
            text = hash((print_graph(case.graph), format_pipeline(case.passes)))
            if text in self.seen:
                continue
            self.seen.add(text)
            yield candidate, renewed(case, self.seed) if self.renews else case
