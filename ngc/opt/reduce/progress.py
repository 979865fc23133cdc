"""What is seen of a reduction while it goes on: a line for everything that was taken, and on a terminal a last line that moves."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from ngc.opt.reduce.reducer import Reducer


@dataclass
class Progress:
    """Writes to a stream; with `rich` where that is a terminal."""

    stream: TextIO
    status: Any = field(default=None, init=False)

    def __enter__(self) -> "Progress":
        if self.stream.isatty():
            from rich.console import Console  # only terminals need it

            self.status = Console(file=self.stream, highlight=False).status("reducing")
            self.status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self.status is not None:
            self.status.stop()

    def tell(self, reducer: "Reducer", what: str) -> None:
        """Says what was taken, and how small the case is now."""
        line = f"[{reducer.seconds:6.1f} s] {reducer.best.size:4} nodes, {len(reducer.best.passes):2} passes: {what}"
        if self.status is None:
            self.stream.write(line + "\n")
            self.stream.flush()
            return
        self.status.console.print(line, markup=False, soft_wrap=True)
        self.status.update(f"reducing: {reducer.tried} candidates, {reducer.taken} taken")
