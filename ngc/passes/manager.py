"""Runs pipelines: verifies, times and reports through instruments, and holds passes to what they say they changed."""

import fnmatch
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ngc.errors import CodegenError, InputError, NgcError, PassError, VerifyError
from ngc.ir import Graph
from ngc.ir.printer import print_graph
from ngc.ir.verify import verify
from ngc.passes.base import Pass, PassContext, run_pass
from ngc.passes.pipeline import format_pipeline, parse_pipeline


class Instrument:
    """Watches a pipeline run; every method may be left out. `index` counts passes from 1."""

    def start(self, graph: Graph, ctx: PassContext) -> None:
        """Called once, before the first pass."""

    def should_run(self, index: int, item: Pass, graph: Graph) -> bool:
        """Returns False to leave a pass out; required passes are not asked about."""
        return True

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        """Called before a pass."""

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        """Called after a pass."""

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        """Called when a pass, the verification after it or an instrument's `after` raised."""

    def finish(self, graph: Graph) -> None:
        """Called once, after the last pass or after the one that failed."""


@dataclass(frozen=True)
class InsideRegions(Instrument):
    """Lets an instrument of `PassContext.region_instruments` see passes inside a region; the pipeline around the region starts and finishes it."""

    watching: Instrument

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        self.watching.before(index, item, graph)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        self.watching.after(index, item, graph, changed, seconds)

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        self.watching.failed(index, item, graph, error)


class PassManager:
    """A pipeline, given as text or as passes, with its instruments.

    Passes whose names match a pattern in `disable` or in the environment's NGC_DISABLE_PASSES (comma-separated, `*` and `?`) are left out,
    unless they are required.
    """

    def __init__(self, pipeline: str | Sequence[Pass], *, instruments: Sequence[Instrument] = (), verify_each: bool = True,
                 disable: Sequence[str] = ()) -> None:
        self.passes = parse_pipeline(pipeline) if isinstance(pipeline, str) else list(pipeline)
        self.instruments = tuple(instruments)
        self.verify_each = verify_each
        self.disabled = (*disable, *filter(None, os.environ.get("NGC_DISABLE_PASSES", "").replace(" ", "").split(",")))

    def __str__(self) -> str:
        return format_pipeline(self.passes)

    def run(self, graph: Graph, ctx: PassContext | None = None) -> bool:
        """Runs all passes on the graph, in place; returns whether any changed it.

        Raises:
            InputError: what a pass was given by the caller does not fit, such as data to calibrate with.
            CodegenError: a model that is run within a pass has operators without kernels.
            PassError: a pass raised anything else, or changed the graph and said it did not (or the reverse); names the passes before it.
            VerifyError: the graph is broken before the first pass or after one.
        """
        ctx = ctx or PassContext()
        ctx.disabled = self.disabled
        ctx.verify_each = self.verify_each
        if self.verify_each:
            verify(graph)
        started: list[Instrument] = []
        try:
            for instrument in self.instruments:
                instrument.start(graph, ctx)
                started.append(instrument)
            return self._run_passes(graph, ctx)
        finally:
            for instrument in started:
                instrument.finish(graph)

    def _run_passes(self, graph: Graph, ctx: PassContext) -> bool:
        done: list[str] = []
        any_changed = False
        for index, item in enumerate(self.passes, 1):
            if not item.required and not self._allowed(index, item, graph):
                continue
            for instrument in self.instruments:
                instrument.before(index, item, graph)
            before = print_graph(graph, locations=False) if self.verify_each else ""
            start = time.perf_counter()
            try:
                changed = run_pass(item, graph, ctx)
                seconds = time.perf_counter() - start
                if self.verify_each:
                    verify(graph)
                    if (print_graph(graph, locations=False) != before) != changed:
                        raise PassError(f"pass {item.name} said that it {'changed' if changed else 'did not change'} the graph, which is not so")
                for instrument in self.instruments:
                    instrument.after(index, item, graph, changed, seconds)
            except Exception as error:
                for instrument in self.instruments:
                    instrument.failed(index, item, graph, error)
                if not isinstance(error, NgcError) or isinstance(error, CodegenError | InputError):
                    raise  # what the caller gave is wrong, not what passes did
                kind = type(error) if isinstance(error, VerifyError | PassError) else PassError
                told = "\n".join((str(error), *getattr(error, "__notes__", ())))  # such as the rule
                raise kind(f"{told}\nin pass {item.spec}, after {', '.join(done) or 'no other pass'}") from error
            any_changed |= changed
            done.append(item.name)
        return any_changed

    def _allowed(self, index: int, item: Pass, graph: Graph) -> bool:
        if any(fnmatch.fnmatchcase(item.name, pattern) for pattern in self.disabled):
            graph.events.record(item.name, "-", "skipped", "-", "switched off by name")
            return False
        return all(instrument.should_run(index, item, graph) for instrument in self.instruments)
