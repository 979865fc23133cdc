"""The table of what `workload` and `max-qps` measured: how many queries a second, at which latency."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngc.errors import EvaluationError
from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.table import Table, table

if TYPE_CHECKING:
    from ngc.evaluate.store import Store


def load_table(store: "Store", evaluations: Sequence[Evaluation]) -> Table:
    """Returns a row for each evaluation under load: the rate that was reached, or is the largest one under the bound, and the latency at that percentile.

    Raises:
        EvaluationError: there is none.
    """
    rows = [(evaluation, (evaluation.mode, *(evaluation.results[name] for name in ("qps", "latency_ms", "percentile"))))
            for evaluation in evaluations if "qps" in evaluation.results]
    if not rows:
        raise EvaluationError("no load: none of the evaluations found is one of `ngc-eval predict workload` or `max-qps`")
    return table(("mode", "throughput (queries/s)", "latency (ms)", "percentile"), rows)
