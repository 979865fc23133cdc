"""The tables of accuracy, and what was counted in all of an evaluation's parts."""

from collections.abc import Sequence
from functools import reduce
from operator import add

from ngc.errors import EvaluationError
from ngc.evaluate.accuracy import Tally
from ngc.evaluate.records import Evaluation, PartResult
from ngc.evaluate.report.source import Source
from ngc.evaluate.report.table import Table, Value, table


def total(results: Sequence[PartResult]) -> Tally:
    """Returns the counts of all parts together."""
    return reduce(add, (result.tally for result in results), Tally())


def accuracy_table(source: Source, evaluations: Sequence[Evaluation]) -> Table:
    """Returns a row for each evaluation that had inputs with an expected class; `images` is how many.

    Raises:
        EvaluationError: none had.
    """
    rows: list[tuple[Evaluation, tuple[Value, ...]]] = []
    for evaluation in evaluations:
        tally = total(source.part_results(evaluation.id))
        if tally.labelled:
            rows.append((evaluation, (tally.top1_accuracy, tally.top5_accuracy, tally.calibration_error, tally.labelled, tally.failures)))
    if not rows:
        raise EvaluationError("no accuracy: none of the evaluations found had inputs with an expected class; `ngc-eval predict dataset` has them")
    return table(("top1_accuracy", "top5_accuracy", "calibration_error", "images", "failures"), rows)
