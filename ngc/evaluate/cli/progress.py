"""Progress on a terminal: how much is done, at which rate, and how long the rest takes. Nothing is drawn elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextmanager
def progress(what: str, total: int | None, unit: str) -> Iterator[Callable[[float], None]]:
    """Gives a function that is told of each advance; it draws on stderr, so that results can be piped.

    Args:
        what: is done.
        total: of it; None where that is not known.
        unit: that it is counted in, in the plural.
    """
    if not sys.stderr.isatty():
        yield lambda advance: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """How much a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.1f} {unit}/s", style="progress.data.speed")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda advance: bar.update(task, advance=advance)



@contextmanager
def downloading() -> Iterator[Callable[[str, int, int], None] | None]:
    """Gives what draws downloads, told of their address, the bytes that are there and how many there will be; None where nothing is drawn."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True),
                  transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(address: str, done: int, total: int) -> None:
            if address not in tasks:
                tasks[address] = bar.add_task(address.rsplit("/", 1)[-1], total=total or None)
            bar.update(tasks[address], completed=done)

        yield tell
