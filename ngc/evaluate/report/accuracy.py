"""The table of accuracy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngc.errors import EvaluationError
from ngc.evaluate.accuracy import total
from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.table import Table, Value, table

if TYPE_CHECKING:
    from ngc.evaluate.store import Store


def accuracy_table(store: "Store", evaluations: Sequence[Evaluation]) -> Table:
    """Returns a row for each evaluation that had inputs with an expected class; `images` is how many.

    Raises:
        EvaluationError: none had.
    """
    rows: list[tuple[Evaluation, tuple[Value, ...]]] = []
    for evaluation in evaluations:
        tally = total(result.tally for result in store.part_results(evaluation.id))
        if tally.labelled:
            rows.append((evaluation, (tally.top1_accuracy, tally.top5_accuracy, tally.calibration_error, tally.labelled, tally.failures)))
    if not rows:
        raise EvaluationError("no accuracy: none of the evaluations found had inputs with an expected class; `ngc-eval predict dataset` has them")
    return table(("top1_accuracy", "top5_accuracy", "calibration_error", "images", "failures"), rows)
