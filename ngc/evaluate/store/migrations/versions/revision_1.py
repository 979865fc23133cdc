"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Creates them."""
    op.create_table(
        "machines",
        sa.Column("digest", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("hostname", "architecture", "cpu")),
        sa.Column("cores", sa.Integer, nullable=False),
        sa.Column("memory", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("system", "python")),
        sa.Column("features", sa.JSON, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("gpu", "gpu_driver")),
    )
    op.create_table(
        "evaluations",
        sa.Column("key", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("created_at", "updated_at")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("mode", "state", "model_name", "model_version", "framework_name", "framework_version",
                                                                "dataset_category", "dataset_name", "target", "precision")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("threads", "batch_size", "partition_list_size", "parts")),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("trace_level", sa.Integer, nullable=False),
        sa.Column("machine_digest", sa.Text, sa.ForeignKey("machines.digest"), nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("results", sa.JSON, nullable=False),
    )  # fmt: skip
    op.create_index("evaluations_by_fingerprint", "evaluations", ["fingerprint", "created_at"])
    op.create_index("evaluations_by_time", "evaluations", ["created_at"])
    op.create_table(
        "parts",
        _of_evaluation(),
        sa.Column("part_index", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("begin_index", "end_index")),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("durations_us", "tally")),
    )
    op.create_table(
        "predictions",
        _of_evaluation(),
        sa.Column("input_index", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("input_id", "outcome")),
        *(sa.Column(name, sa.Integer) for name in ("expected", "answered")),
        sa.Column("probability", sa.Double),
        sa.Column("features", sa.LargeBinary, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    for column in ("outcome", "expected", "answered"):
        op.create_index(f"predictions_by_{column}", "predictions", ["evaluation_key", column, "input_index"])
    op.create_table(
        "traces",
        _of_evaluation(),
        sa.Column("part_index", sa.Integer, primary_key=True),
        sa.Column("spans", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "model_accuracy",
        _of_evaluation(),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("labelled", "unlabelled", "failures")),
        *(sa.Column(name, sa.Double) for name in ("top_1", "top_5", "calibration_error")),
    )
    op.create_table(
        "performance",
        _of_evaluation(),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("inputs", "batches")),
        *(sa.Column(f"{name}_us", sa.Double) for name in ("total", "mean", "min", "median", "p90", "p99", "max")),
    )


def _of_evaluation() -> "sa.Column[int]":
    return sa.Column("evaluation_key", sa.Integer, sa.ForeignKey("evaluations.key", ondelete="CASCADE"), primary_key=True)
