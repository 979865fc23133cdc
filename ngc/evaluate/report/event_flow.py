"""The traces of evaluations as the events of the MLModelScope agents."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngc.errors import EvaluationError
from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.table import Table, Value, table

if TYPE_CHECKING:
    from ngc.evaluate.store import Store


def event_flow_table(store: "Store", evaluations: Sequence[Evaluation]) -> Table:
    """Returns a row for each evaluation that has a trace, with its events.

    Raises:
        EvaluationError: none has.
    """
    from ngc.evaluate.trace import event_flow  # OpenTelemetry comes with it

    rows: list[tuple[Evaluation, tuple[Value, ...]]] = []
    for evaluation in evaluations:
        if spans := store.spans(evaluation.id):
            rows.append((evaluation, (event_flow(spans)["event_flow"],)))
    if not rows:
        raise EvaluationError(_NO_TRACE)
    return table(("event_flow",), rows)


def newest_chrome_trace(store: "Store", evaluations: Sequence[Evaluation]) -> str:
    """Returns the trace of the newest evaluation that has one, for chrome://tracing and Perfetto.

    Raises:
        EvaluationError: none has.
    """
    from ngc.evaluate.trace import chrome_trace  # OpenTelemetry comes with it

    for evaluation in evaluations:
        if spans := store.spans(evaluation.id):
            return chrome_trace(spans) + "\n"
    raise EvaluationError(_NO_TRACE)


_NO_TRACE = "no trace: none of the evaluations found has one; `ngc-eval predict ... --trace_level MODEL_TRACE`, or a higher level, makes one"
