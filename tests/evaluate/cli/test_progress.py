"""Progress on terminals, and nowhere else."""

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ngc.evaluate.cli.progress import downloading, progress


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Gives what stands for stderr within."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", "160")
        patch.setattr(sys, "stderr", found := Terminal())  # in the test itself: pytest puts its own in place between fixtures and test
        yield found


def test_a_terminal_shows_how_much_is_done_and_how_fast() -> None:
    with terminal() as screen, progress("digits fp32", 40, "inputs") as advance:
        for _ in range(4):
            advance(10)
            time.sleep(0.02)  # a rate takes two moments
    shown = screen.getvalue()
    assert "digits fp32" in shown
    assert "40/40" in shown
    assert "inputs/s" in shown


def test_what_has_no_end_is_shown_too() -> None:
    with terminal() as screen, progress("max-qps", None, "queries") as advance:
        advance(3)
    assert "3/?" in screen.getvalue()


def test_downloads_are_shown_by_their_files() -> None:
    with terminal() as screen, downloading() as tell:
        assert tell is not None
        tell("http://host/models/digits-0000.params", 500, 1000)
        tell("http://host/models/digits-0000.params", 1000, 1000)
        tell("http://host/labels.txt", 10, 0)
    shown = screen.getvalue()
    assert "digits-0000.params" in shown
    assert "labels.txt" in shown


def test_nothing_is_drawn_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("digits", 4, "inputs") as advance, downloading() as tell:
        advance(4)
        assert tell is None
    assert capsys.readouterr() == ("", "")
