"""Tables of evaluations: the columns that every one of them begins with, and its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from ngc.evaluate.records import Evaluation

Value = str | int | float | bool | tuple[float, ...] | list[dict[str, Any]] | None
"""What a cell holds; NaN means the same as None: there is no such number. Lists have objects of JSON's types."""

BASE = ("id", "created_at", "updated_at", "model_name", "model_version", "framework_name", "framework_version", "machine_architecture", "using_gpu",
        "batch_size", "hostname", "dataset_name", "target", "precision", "threads", "trace_level", "machine_memory (KB)", "CPU_name", "GPU_name", "GPU_driver")
"""What the evaluation was: the columns of the MLModelScope agents up to `hostname`, what ngc adds, and of later agents' columns those that are known here."""


@dataclass(frozen=True)
class Table:
    """Rows of named columns.

    Attributes:
        columns: their names, with units.
        rows: one value for each column.
        common: how many columns, from the first on, say which evaluation a row is about.
        tree: a column whose texts make a tree: the column before it has their depth. -1 for none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    common: int = 0
    tree: int = -1


def table(columns: tuple[str, ...], rows: Sequence[tuple[Evaluation, tuple[Value, ...]]], tree: int = -1) -> Table:
    """Returns a table whose rows are about evaluations: with the columns of the evaluation before the own ones, which `tree` counts."""
    return Table((*BASE, *columns), tuple((*base(evaluation), *values) for evaluation, values in rows), len(BASE), tree if tree < 0 else len(BASE) + tree)


def base(evaluation: Evaluation) -> tuple[Value, ...]:
    """Returns the values of the columns BASE."""
    machine = evaluation.machine
    created, updated = (time.astimezone(UTC).isoformat(timespec="seconds") for time in (evaluation.created_at, evaluation.updated_at))
    return (evaluation.id, created, updated, evaluation.model_name, evaluation.model_version, evaluation.framework_name, evaluation.framework_version,
            machine.architecture, evaluation.using_gpu, evaluation.batch_size, machine.hostname, evaluation.dataset_name, evaluation.target,
            evaluation.precision, evaluation.threads, evaluation.trace_level.name, machine.memory // 1024, machine.cpu, machine.gpu, machine.gpu_driver)
