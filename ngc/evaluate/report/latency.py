"""The tables of durations and of latency."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngc.errors import EvaluationError
from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.table import Table, Value, table
from ngc.evaluate.report.timing import Timing, latency, throughput, timing

if TYPE_CHECKING:
    from ngc.evaluate.store import Store


def timed(store: "Store", evaluations: Sequence[Evaluation]) -> list[tuple[Evaluation, Timing]]:
    """Returns the evaluations that computed batches, with their timing.

    Raises:
        EvaluationError: none did.
    """
    found = [(evaluation, timing(store.part_results(evaluation.id), evaluation.batch_size)) for evaluation in evaluations]
    found = [(evaluation, times) for evaluation, times in found if times.durations]
    if not found:
        raise EvaluationError("no durations: none of the evaluations found has a finished part; `ngc-eval predict dataset`, `urls` and `raw` have parts")
    return found


def duration_table(store: "Store", evaluations: Sequence[Evaluation]) -> Table:
    """Returns the durations of all batches of each evaluation, in order."""
    return table(("durations (us)",), [(evaluation, (times.durations,)) for evaluation, times in timed(store, evaluations)])


def latency_table(store: "Store", evaluations: Sequence[Evaluation]) -> Table:
    """Returns latency and throughput for each kind of evaluation, as the MLModelScope agents group them.

    Evaluations of the same mode, model, framework, machine, batch size, target, precision, threads, engine, data, level of tracing and way of reading make one
    row, which the newest of them names. A single one's `durations` are those of its batches; of several they are the trimmed mean of each, and `duration` is
    the smallest of these.
    """
    groups: dict[tuple[object, ...], list[tuple[Evaluation, Timing]]] = {}
    for evaluation, times in timed(store, evaluations):
        groups.setdefault((*kind(evaluation), times.batch), []).append((evaluation, times))
    rows: list[tuple[Evaluation, tuple[Value, ...]]] = []
    for members in groups.values():
        newest, newest_times = members[0]
        means = tuple(times.duration for _, times in members)
        each = latency(min(means), newest_times.batch)
        rows.append((newest, (newest_times.counted if len(members) == 1 else means, min(means), each, throughput(each))))
    return table(("durations (us)", "duration (us)", "latency (ms)", "throughput (input/s)"), rows)


def kind(evaluation: Evaluation) -> tuple[object, ...]:
    """Returns what evaluations have in common whose times are those of one thing."""
    machine = evaluation.machine
    return (evaluation.mode, evaluation.model_name, evaluation.model_version, evaluation.framework_name, evaluation.framework_version, machine.hostname,
            machine.architecture, evaluation.batch_size, evaluation.target, evaluation.precision, evaluation.threads, evaluation.engine,
            evaluation.dataset_name, evaluation.trace_level, evaluation.settings.get("read_ahead"))  # reading ahead takes time from the engine
