"""Writes the IR after every pass into a folder, with an index page to read it by."""

from dataclasses import dataclass, field
from pathlib import Path

from ngc.errors import InputError
from ngc.ir import Event, Graph
from ngc.passes.base import Pass, PassContext
from ngc.passes.instruments.html import Stage, index_page
from ngc.passes.instruments.printing import Style, diff
from ngc.passes.manager import Instrument


@dataclass
class DumpIR(Instrument):
    """Writes `000_input.ngir`, `001_canonicalize.ngir`, ... and `index.html`, which needs nothing but a browser.

    The page is written anew after every pass, so that a pipeline that fails leaves one too.
    """

    directory: Path
    style: Style = field(default_factory=lambda: Style(locations=True))
    stages: list[Stage] = field(default_factory=list, init=False)
    previous: str = field(default="", init=False)
    heard: int = field(default=0, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the dump folder {self.directory} cannot be made: {error.strerror or error}") from error
        self.previous = self.style.text(graph)
        self.heard = len(graph.events)
        self.add(graph, Stage(0, "input", "", self.write("000_input.ngir", self.previous), [], 0.0, True, [], graph.count()))

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        text = self.style.text(graph)
        name = self.write(f"{index:03d}_{item.name}.ngir", text)
        self.add(graph, Stage(index, item.name, item.spec, name, diff(self.previous, text), seconds, changed, self.news(graph), graph.count()))
        self.previous = text

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        text = self.style.text(graph)
        name = self.write(f"{index:03d}_{item.name}.failed.ngir", text)
        self.add(graph, Stage(index, item.name, item.spec, name, diff(self.previous, text), 0.0, True, self.news(graph), graph.count(), str(error)))

    def news(self, graph: Graph) -> list[Event]:
        """Returns the events since the last call."""
        events = list(graph.events)[self.heard:]
        self.heard = len(graph.events)
        return events

    def add(self, graph: Graph, stage: Stage) -> None:
        """Appends a stage and writes the page."""
        self.stages.append(stage)
        self.write("index.html", index_page(graph.name, self.stages))

    def write(self, name: str, text: str) -> str:
        """Writes one file and returns its name."""
        try:
            (self.directory / name).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{self.directory / name} cannot be written: {error.strerror or error}") from error
        return name
