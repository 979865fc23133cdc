"""Stand-ins for servers, on a virtual clock."""

from collections.abc import Iterable
from itertools import cycle

from ngc.evaluate.load import VirtualClock


class Recorded:
    """A server whose batches take recorded times, in seconds, one after the other and from the first one again; it keeps the sizes of its batches."""

    def __init__(self, clock: VirtualClock, times: Iterable[float]) -> None:
        self.clock, self.times, self.counts = clock, cycle(times), list[int]()

    def serve(self, count: int) -> None:
        """Lets the next time pass."""
        self.counts.append(count)
        self.clock.advance(next(self.times))
