"""Signals that end a run early, but in order: as KeyboardInterrupt, like Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_REASONS: dict[int, str] = {signal.SIGTERM: "terminated", signal.SIGHUP: "the terminal was closed", signal.SIGALRM: "the time is over"}


@contextmanager
def orderly_end(time_out_s: float = 0) -> Iterator[None]:
    """Makes SIGTERM, SIGHUP unless it is ignored (`nohup`), and the end of a time raise KeyboardInterrupt within; for the main thread.

    Args:
        time_out_s: after how many seconds; 0 means never.
    """
    before = {number: signal.getsignal(number) for number in _REASONS}
    for number, handler in before.items():
        if number != signal.SIGHUP or handler is not signal.SIG_IGN:
            signal.signal(number, _raise)
    signal.setitimer(signal.ITIMER_REAL, time_out_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(_REASONS[number])
