"""The builder's progress: bars on a terminal, and the way to stop it."""

import sys
from typing import Any

from ngc.codegen.tensorrt.messages import Messages


class Bars:
    """A bar for each phase that is under way."""

    def __init__(self) -> None:
        from rich.progress import Progress  # only terminals need it

        self._progress = Progress(transient=True)
        self._tasks: dict[str, Any] = {}

    def start(self, phase: str, steps: int) -> None:
        """Adds a phase's bar."""
        if not self._tasks:
            self._progress.start()
        self._tasks[phase] = self._progress.add_task(phase, total=steps)

    def advance(self, phase: str, done: int) -> None:
        """Draws how far a phase is."""
        if phase in self._tasks:
            self._progress.update(self._tasks[phase], completed=done)

    def finish(self, phase: str) -> None:
        """Removes a phase's bar."""
        if phase in self._tasks:
            self._progress.remove_task(self._tasks.pop(phase))
            if not self._tasks:
                self.close()

    def close(self) -> None:
        """Leaves the terminal as it was."""
        self._progress.stop()


def make_monitor(library: Any, messages: Messages, bars: Bars | None) -> Any:
    """Returns the monitor to give to a builder: it draws bars, if any, and cancels the build after an interruption."""

    class Monitor(library.IProgressMonitor):  # type: ignore[misc]  # the library is known at run time only
        """Passes phases on; called from any of the builder's threads."""

        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            if bars is not None:
                messages.guard(bars.start, phase, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            messages.guard(bars.advance if bars is not None else _nothing, phase, step + 1)
            return messages.interrupt is None

        def phase_finish(self, phase: str) -> None:
            if bars is not None:
                messages.guard(bars.finish, phase)

    return Monitor()


def _nothing(phase: str, done: int) -> None:
    """Gives Python the chance to notice an interruption."""


def bars_on_terminal() -> Bars | None:
    """Returns bars where somebody may see them."""
    return Bars() if sys.stderr.isatty() else None
