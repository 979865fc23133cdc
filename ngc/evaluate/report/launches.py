"""CUDA kernels of traces. A span is about one where it has the attribute `kernel_name`, which the agents' tracing of CUDA gives it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngc.errors import EvaluationError
from ngc.evaluate.records import Evaluation, Span
from ngc.evaluate.report.statistics import trimmed_mean
from ngc.evaluate.report.table import Table, Value, table

if TYPE_CHECKING:
    from ngc.evaluate.store import Store


def launches_table(store: "Store", evaluations: Sequence[Evaluation]) -> Table:
    """Returns a row for each CUDA kernel of each evaluation: how often it ran, how long, and the trimmed means of its counters (`kernel_flops` and the like).

    Raises:
        EvaluationError: no trace has any.
    """
    launches = {evaluation.id: _launches(store.spans(evaluation.id)) for evaluation in evaluations}
    counters = tuple(sorted({name for kernels in launches.values() for spans in kernels.values() for span in spans for name in _counters(span)}))
    rows: list[tuple[Evaluation, tuple[Value, ...]]] = []
    for evaluation in evaluations:
        for name, spans in launches[evaluation.id].items():
            durations = tuple(span.duration_us for span in spans)
            values = [[_counters(span)[counter] for span in spans if counter in _counters(span)] for counter in counters]
            means = (trimmed_mean(found) if found else None for found in values)
            rows.append((evaluation, (name, len(spans), trimmed_mean(durations), durations, *means)))
    if not rows:
        raise EvaluationError("no CUDA kernels: none of the evaluations found has a trace of them; that takes a GPU target (`--target tensorrt`) on a machine "
                              "with a GPU, and a tracer of its kernels at `--trace_level SYSTEM_LIBRARY_TRACE` or above")
    return table(("kernel_name", "kernel_launches", "kernel_duration (us)", "kernel_durations (us)", *counters), rows)


def _launches(spans: Sequence[Span]) -> dict[str, list[Span]]:
    kernels: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if "kernel_name" in span.attributes:
            kernels[str(span.attributes["kernel_name"])].append(span)
    return dict(kernels)


def _counters(span: Span) -> dict[str, float]:
    return {name: float(value) for name, value in span.attributes.items() if isinstance(value, int | float) and not isinstance(value, bool)}
