"""Signals that end a run early, but in order: as KeyboardInterrupt, like Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


@contextmanager
def orderly_end(time_out_s: float = 0) -> Iterator[None]:
    """Makes SIGTERM, and the end of a time, raise KeyboardInterrupt within; for the main thread.

    Args:
        time_out_s: after how many seconds; 0 means never.
    """
    terminated = signal.signal(signal.SIGTERM, _raise)
    timed_out = signal.signal(signal.SIGALRM, _raise)
    signal.setitimer(signal.ITIMER_REAL, time_out_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, timed_out)
        signal.signal(signal.SIGTERM, terminated)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt("terminated" if number == signal.SIGTERM else "the time is over")
