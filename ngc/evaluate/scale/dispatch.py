"""Who evaluates which part: each one once, and those of a worker that is lost again by others."""

from collections import deque
from collections.abc import Iterable

from ngc.errors import EvaluationError
from ngc.evaluate.parts import Part

AHEAD = 2
"""Parts that a worker has at a time: one that it evaluates, and one that it goes on with while the result of the first is on its way."""

MOST_LOSSES = 3
"""Workers that may be lost over one part. A part whose inputs end the process, by their memory for example, would take all workers one after another."""


class Dispatch:
    """Hands out parts. A worker evaluates its parts in the order in which it got them, so it is the first of them that a lost worker was at."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._waiting = deque(parts)
        self._held: dict[int, deque[Part]] = {}
        self._losses: dict[int, int] = {}

    @property
    def done(self) -> bool:
        """Whether all parts are finished."""
        return not self._waiting and not any(self._held.values())

    def take(self, worker: int) -> Part | None:
        """Returns the next part for a worker, or None where there is none, or the worker has AHEAD parts already."""
        held = self._held.setdefault(worker, deque())
        if not self._waiting or len(held) >= AHEAD:
            return None
        held.append(part := self._waiting.popleft())
        return part

    def finish(self, worker: int, part: Part) -> None:
        """Notes that a worker has evaluated a part that it took."""
        self._held[worker].remove(part)

    def lose(self, worker: int, reason: str) -> list[Part]:
        """Notes that a worker is gone, and returns the parts that it had; they are the next to be taken.

        Raises:
            EvaluationError: it is the MOST_LOSSES-th worker that was lost while it evaluated one part.
        """
        held = list(self._held.pop(worker, ()))
        if held:
            at = held[0]
            self._losses[at.index] = losses = self._losses.get(at.index, 0) + 1
            if losses >= MOST_LOSSES:
                raise EvaluationError(f"part {at.index}, the inputs {at.begin} to {at.end - 1}, was being evaluated when {losses} workers were lost, "
                                      f"the last one because {reason}; it is given up")
        self._waiting.extendleft(reversed(held))
        return held
