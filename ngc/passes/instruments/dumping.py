"""Writes the IR after every pass into a folder, with an index page to read it by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ngc.errors import InputError
from ngc.ir import Event, Graph
from ngc.passes.base import Pass, PassContext
from ngc.passes.instruments.page import EngineFiles, History, Kernel, PassRecord, page, snapshot
from ngc.passes.instruments.printing import Style
from ngc.passes.manager import Instrument


@dataclass
class DumpIR(Instrument):
    """Writes `000_input.ngir`, `001_canonicalize.ngir`, ..., all decisions as `events.txt`, and `index.html`, which needs nothing but a browser.

    The page is written anew after every pass, so that a pipeline that fails leaves one too. Whoever makes code of the graph afterwards tells by `built`
    what became of its nodes.
    """

    directory: Path
    style: Style = field(default_factory=lambda: Style(locations=True))
    history: History = field(default_factory=lambda: History(""), init=False)
    heard: int = field(default=0, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the dump folder {self.directory} cannot be made: {error.strerror or error}") from error
        self.history = History(graph.name)
        self.heard = len(graph.events)
        self.add(graph, 0, "input", "", "000_input.ngir", 0.0, True)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        self.add(graph, index, item.name, item.spec, f"{index:03d}_{item.name}.ngir", seconds, changed)

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        self.add(graph, index, item.name, item.spec, f"{index:03d}_{item.name}.failed.ngir", 0.0, True, str(error) or type(error).__name__)

    def finish(self, graph: Graph) -> None:
        self.history.hear(self.news(graph))  # of passes at the end that did not run
        self.write_page()

    def built(self, graph: Graph, kernels: Sequence[Kernel], engines: Sequence[EngineFiles], seconds: float) -> None:
        """Adds code generation as a last step: which kernels the nodes became, and what was decided about them."""
        last = self.history.passes[-1]
        self.history.kernels, self.history.engines = list(kernels), list(engines)
        self.history.add(PassRecord(last.index + 1, "codegen", "", "", seconds, False, last.operators, last.lines), self.news(graph))
        self.write_page()

    def news(self, graph: Graph) -> list[Event]:
        """Returns the events since the last call."""
        events = list(graph.events)[self.heard:]
        self.heard = len(graph.events)
        return events

    def add(self, graph: Graph, index: int, name: str, spec: str, file: str, seconds: float, changed: bool, error: str = "") -> None:
        """Writes the graph's text, appends a record and writes the page."""
        self.write(file, self.style.text(graph))
        lines = snapshot(graph, self.style.elide_larger_than)
        self.history.add(PassRecord(index, name, spec, file, seconds, changed, graph.count(), lines, error), self.news(graph))
        self.write_page()

    def write_page(self) -> None:
        """Writes the page and the list of events."""
        self.write("events.txt", "\n".join(str(event) for _, event in self.history.events))
        self.write("index.html", page(self.history))

    def write(self, name: str, text: str) -> None:
        """Writes one file."""
        try:
            (self.directory / name).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")  # names may hold half characters
        except OSError as error:
            raise InputError(f"{self.directory / name} cannot be written: {error.strerror or error}") from error
