"""Clocks that loads are replayed by: the real one, and one that only moves when it is told to."""

import time
from typing import Protocol

_SPIN_S = 200e-6
"""How long before the moment a sleeper wakes up and watches the clock: Linux wakes sleepers some 50 to 100 us late (its timer slack and the scheduler)."""


class Clock(Protocol):
    """Seconds that never go back, from an origin that means nothing."""

    def now(self) -> float:
        """Returns the present moment."""

    def sleep_until(self, moment: float) -> None:
        """Returns at a moment, or at once where it has passed."""


class RealClock:
    """The system's monotonic clock; whoever sleeps wakes up to some microseconds exactly, if the processor is free."""

    def now(self) -> float:
        """Returns the present moment."""
        return time.perf_counter()

    def sleep_until(self, moment: float) -> None:
        """Sleeps most of the time and then watches the clock."""
        left = moment - time.perf_counter()
        if left > _SPIN_S:
            time.sleep(left - _SPIN_S)
        while time.perf_counter() < moment:
            pass


class VirtualClock:
    """A clock for simulations: sleeping takes no time, and so does everything else unless it calls `advance`."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Returns the present moment."""
        return self._now

    def sleep_until(self, moment: float) -> None:
        """Moves on to a moment, if it lies ahead."""
        self._now = max(self._now, moment)

    def advance(self, seconds: float) -> None:
        """Moves on by seconds."""
        self._now += seconds
