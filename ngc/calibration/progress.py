"""A progress bar over batches, with the rate of examples."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def examples_bar(wanted: bool, batches: Any) -> Iterator[Callable[[int], None]]:
    """Yields what is called after each batch with the number of examples that were run; draws a bar on a terminal, nothing elsewhere."""
    if not wanted or not sys.stderr.isatty():
        yield lambda examples: None
        return
    from rich.console import Console  # only terminals need it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("calibrating"), BarColumn(), MofNCompleteColumn(), TextColumn("batches, {task.fields[rate]:.1f} examples/s"), TimeRemainingColumn())
    start, done = time.monotonic(), 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("calibrating", total=len(batches) if hasattr(batches, "__len__") else None, rate=0.0)

        def advance(examples: int) -> None:
            nonlocal done
            done += examples
            bar.update(task, advance=1, rate=done / max(time.monotonic() - start, 1e-9))

        yield advance
