"""The table of an evaluation's published predictions."""

from collections.abc import Sequence

from ngc.evaluate.records import Prediction
from ngc.evaluate.report.table import Table, Value

COLUMNS = ("evaluation", "input_index", "input_id", "expected_label", "answered_label", "probability", "classes", "probabilities", "error")


def predictions_table(id: str, predictions: Sequence[Prediction]) -> Table:
    """Returns a row for each prediction of the evaluation: the input, the expected and the most probable class, and the most probable ones, best first."""
    return Table(COLUMNS, tuple(_row(id, prediction) for prediction in predictions), 1)


def _row(id: str, prediction: Prediction) -> tuple[Value, ...]:
    classes, probabilities = zip(*prediction.features, strict=True) if prediction.features else ((), ())
    return (id, prediction.index, prediction.input_id, prediction.expected, *((classes[0], probabilities[0]) if classes else (None, None)), classes,
            probabilities, prediction.error)
