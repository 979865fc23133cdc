"""Prints the IR around passes, whole or as differences."""

import difflib
import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ngc.ir import Graph, print_graph
from ngc.passes.base import Pass
from ngc.passes.instruments.word_diff import colored_diff, word_diff
from ngc.passes.manager import Instrument

Write = Callable[[str], object]
"""Takes a text that ends with a newline."""


@dataclass(frozen=True)
class Style:
    """How graphs are printed."""

    locations: bool = False
    elide_larger_than: int | None = None

    def text(self, graph: Graph) -> str:
        """Returns the graph's text."""
        return print_graph(graph, locations=self.locations, elide_larger_than=self.elide_larger_than)


def diff(before: str, after: str, context: int = 2) -> list[str]:
    """Returns the changed lines with some around them, marked with `-`, `+` and a blank."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=context, lineterm=""))
    return lines[2:]


@dataclass
class PrintIR(Instrument):
    """Prints the graph before and after passes that match name patterns, after passes that changed it, or where one fails."""

    write: Write
    style: Style = Style()
    before_names: Sequence[str] = ()
    after_names: Sequence[str] = ()
    after_change: bool = False
    after_failure: bool = False

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        if _matches(item, self.before_names):
            self.print(f"IR before {item.name} ({index})", graph)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        if _matches(item, self.after_names) or (self.after_change and changed):
            self.print(f"IR after {item.name} ({index}){'' if changed else ', which changed nothing'}", graph)

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        if self.after_failure:
            self.print(f"IR where {item.name} ({index}) failed", graph)

    def print(self, title: str, graph: Graph) -> None:
        """Writes a title as a comment, then the graph."""
        self.write(f"# *** {title} ***\n{self.style.text(graph)}\n")


@dataclass
class PrintChanges(Instrument):
    """Prints what each pass changed.

    Modes: `full` the whole graph, `quiet` without a word on passes that changed nothing, `diff` the lines that changed, `cdiff` the words in them.
    """

    write: Write
    mode: str = "full"
    style: Style = Style()
    color: bool = False
    previous: str = field(default="", init=False)

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        self.previous = self.style.text(graph)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        text = self.style.text(graph)
        if text == self.previous:
            if self.mode != "quiet":
                self.write(f"# *** {item.name} ({index}) changed nothing ***\n")
            return
        self.write(f"# *** {item.name} ({index}) changed the IR ***\n{self.shown(text)}\n")

    def shown(self, text: str) -> str:
        """Returns what the mode shows of the graph's new text."""
        match self.mode:
            case "diff":
                lines = diff(self.previous, text)
                return "\n".join(colored_diff(lines) if self.color else lines)
            case "cdiff":
                return "\n".join(word_diff(self.previous, text, color=self.color))
            case _:
                return text


def _matches(item: Pass, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(item.name, pattern) for pattern in patterns)
