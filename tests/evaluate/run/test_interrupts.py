"""Signals that end a run in order."""

import os
import signal
import time

import pytest

from ngc.evaluate.run.interrupts import orderly_end


def test_a_termination_is_an_interruption() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match=r"^terminated$"), orderly_end():
        os.kill(os.getpid(), signal.SIGTERM)  # the handler runs before the next line of Python would
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_closed_terminal_is_an_interruption_unless_it_is_to_be_survived() -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^the terminal was closed$"), orderly_end():
        os.kill(os.getpid(), signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with orderly_end():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_time_runs_out() -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^the time is over$"), orderly_end(0.01):
        time.sleep(30)


def test_time_that_was_not_used_up_rings_no_alarm() -> None:
    with orderly_end(0.05):
        pass
    time.sleep(0.06)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
