"""The time of each layer: from the spans of FRAMEWORK_TRACE below the spans of batches.

A layer is a kernel call of ngc's; the same number means the same layer in every run. Only runs of the largest batches count, as for the latency.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngc.errors import EvaluationError
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import PREDICT, Evaluation, Span
from ngc.evaluate.report.statistics import trimmed_mean
from ngc.evaluate.report.table import Table, Value, table

if TYPE_CHECKING:
    from ngc.evaluate.store import Store


@dataclass(frozen=True)
class Layer:
    """One layer over the runs of a trace.

    Attributes:
        index: its place in a run, from 0.
        name: of the node in the compiled graph.
        type: the operator.
        shape: of the results, as text.
        durations: of each run, in microseconds.
        allocated_bytes: of memory that the results take.
        sources: names of the MXNet nodes that the layer computes.
    """

    index: int
    name: str
    type: str
    shape: str
    durations: tuple[float, ...]
    allocated_bytes: int
    sources: tuple[str, ...]

    @property
    def duration(self) -> float:
        """The trimmed mean over the runs, in microseconds."""
        return trimmed_mean(self.durations)


def layers(spans: Iterable[Span]) -> list[Layer]:
    """Returns the layers of a trace in the order of a run; none where the trace has no spans of layers."""
    runs = _runs(list(spans))
    durations: defaultdict[int, list[float]] = defaultdict(list)
    last: dict[int, Span] = {}
    for run in runs:
        for span in run:
            index = int(span.attributes["layer_index"])
            durations[index].append(span.duration_us)
            last[index] = span
    return [_layer(index, last[index], tuple(durations[index])) for index in sorted(durations)]


def layers_of(store: "Store", evaluation: Evaluation) -> list[Layer]:
    """Returns the layers of an evaluation's trace, which is only read where it can have any."""
    return layers(store.spans(evaluation.id)) if evaluation.trace_level >= TraceLevel.FRAMEWORK_TRACE else []


def traced(store: "Store", evaluations: Sequence[Evaluation]) -> Iterator[tuple[Evaluation, list[Layer]]]:
    """Yields the evaluations whose trace has layers, with these.

    Raises:
        EvaluationError: none has; it comes after all were looked at.
    """
    found = False
    for evaluation in evaluations:
        if taken := layers_of(store, evaluation):
            found = True
            yield evaluation, taken
    if not found:
        raise EvaluationError("no layers: none of the evaluations found has a trace of them; `ngc-eval predict ... --trace_level FRAMEWORK_TRACE` makes one")


def layers_table(store: "Store", evaluations: Sequence[Evaluation], *, top_layers: int = 0, sort_by_latency: bool = False) -> Table:
    """Returns a row for each layer of each evaluation.

    Args:
        top_layers: how many layers of an evaluation stay, those that take longest; 0 for all.
        sort_by_latency: orders the layers of an evaluation by time instead of by their place in a run.
    """
    columns = ("layer_index", "layer_name", "layer_type", "layer_shape", "layer_duration (us)", "layer_allocated_bytes", "layer_durations (us)")
    rows: list[tuple[Evaluation, tuple[Value, ...]]] = []
    for evaluation, taken in traced(store, evaluations):
        rows += ((evaluation, (layer.index, layer.name, layer.type, layer.shape, layer.duration, layer.allocated_bytes, layer.durations))
                 for layer in selected(taken, top_layers, sort_by_latency))
    return table(columns, rows)


def selected(taken: Sequence[Layer], top: int, slowest_first: bool) -> list[Layer]:
    """Returns the `top` slowest layers, or all for 0, by time or by their place in a run."""
    slowest = sorted(taken, key=lambda layer: (-layer.duration, layer.index))[: top or None]
    return slowest if slowest_first else sorted(slowest, key=lambda layer: layer.index)


def _runs(spans: Sequence[Span]) -> list[list[Span]]:
    """Returns the spans of the layers of each run that counts."""
    batches = {span.span_id: int(span.attributes["batch_size"]) for span in spans if span.name == PREDICT}
    runs: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if "layer_index" in span.attributes and span.parent_id in batches:
            runs[span.parent_id].append(span)
    largest = max((batches[id] for id in runs), default=0)
    return [run for id, run in runs.items() if batches[id] == largest]


def _layer(index: int, span: Span, durations: tuple[float, ...]) -> Layer:
    attributes = span.attributes
    return Layer(index, attributes["layer_name"], attributes["layer_type"], attributes["layer_shape"], durations, attributes["layer_allocated_bytes"],
                 tuple(attributes["layer_sources"]))
