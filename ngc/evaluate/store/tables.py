"""The tables, as the newest revision under `migrations/versions` leaves them.

Rows refer to an evaluation by its `key`, a number, for the sake of the indexes' size; `evaluations.id` is what users see.
"""

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

from ngc.evaluate.store.columns import AnyText, Features, UtcTime

OUTSIDE = -1
"""Instead of a part's index: the trace of what an evaluation does outside of its parts."""

RIGHT, WRONG, FAILED, UNLABELLED = "right", "wrong", "failed", "unlabelled"
"""Outcomes of a prediction: as expected, another class, no answer, an answer without an expected class."""

METADATA = MetaData()


def _of_evaluation() -> Column[int]:
    return Column("evaluation_key", Integer, ForeignKey("evaluations.key", ondelete="CASCADE"), primary_key=True)


machines = Table(
    "machines",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
    Column("architecture", Text, nullable=False),
    Column("cpu", Text, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("system", Text, nullable=False),
    Column("python", Text, nullable=False),
    Column("features", JSON, nullable=False),
    Column("gpu", Text, nullable=False),
    Column("gpu_driver", Text, nullable=False),
)

evaluations = Table(
    "evaluations",
    METADATA,
    Column("key", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("framework_name", Text, nullable=False),
    Column("framework_version", Text, nullable=False),
    Column("dataset_category", Text, nullable=False),
    Column("dataset_name", AnyText, nullable=False),
    Column("target", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("partition_list_size", Integer, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("engine", Text, nullable=False),
    Column("trace_level", Integer, nullable=False),
    Column("machine_digest", Text, ForeignKey("machines.digest"), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("error", AnyText, nullable=False),
    Column("results", JSON, nullable=False),
    Index("evaluations_by_fingerprint", "fingerprint", "created_at"),
    Index("evaluations_by_time", "created_at"),
)

parts = Table(
    "parts",
    METADATA,
    _of_evaluation(),
    Column("part_index", Integer, primary_key=True),
    Column("begin_index", Integer, nullable=False),
    Column("end_index", Integer, nullable=False),
    Column("durations_us", JSON, nullable=False),
    Column("tally", JSON, nullable=False),
)

predictions = Table(
    "predictions",
    METADATA,
    _of_evaluation(),
    Column("input_index", Integer, primary_key=True),
    Column("input_id", AnyText, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("expected", Integer),
    Column("answered", Integer),
    Column("probability", Double),
    Column("features", Features, nullable=False),
    Column("error", AnyText, nullable=False),
    Index("predictions_by_outcome", "evaluation_key", "outcome", "input_index"),
    Index("predictions_by_expected", "evaluation_key", "expected", "input_index"),
    Index("predictions_by_answered", "evaluation_key", "answered", "input_index"),
    sqlite_with_rowid=False,
)

traces = Table(
    "traces",
    METADATA,
    _of_evaluation(),
    Column("part_index", Integer, primary_key=True),
    Column("spans", LargeBinary, nullable=False),
)

model_accuracy = Table(
    "model_accuracy",
    METADATA,
    _of_evaluation(),
    Column("labelled", Integer, nullable=False),
    Column("unlabelled", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("top_1", Double),
    Column("top_5", Double),
    Column("calibration_error", Double),
)

performance = Table(
    "performance",
    METADATA,
    _of_evaluation(),
    Column("inputs", Integer, nullable=False),
    Column("batches", Integer, nullable=False),
    Column("total_us", Double),
    Column("mean_us", Double),
    Column("min_us", Double),
    Column("median_us", Double),
    Column("p90_us", Double),
    Column("p99_us", Double),
    Column("max_us", Double),
)
