"""Which evaluations are listed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement

from ngc.evaluate.store.tables import evaluations, machines


@dataclass(frozen=True)
class Filter:
    """What evaluations must have; what is empty, 0 or None may be anything.

    Attributes:
        since: the earliest time of creation, with its time zone.
        limit: how many are listed at most; -1 for all.
    """

    model_name: str = ""
    model_version: str = ""
    framework_name: str = ""
    framework_version: str = ""
    architecture: str = ""
    hostname: str = ""
    batch_size: int = 0
    dataset_name: str = ""
    precision: str = ""
    target: str = ""
    mode: str = ""
    state: str = ""
    since: datetime | None = None
    limit: int = -1

    def conditions(self) -> list[ColumnElement[bool]]:
        """Returns what the rows of `evaluations` joined with `machines` must be."""
        of_evaluation = ("model_name", "model_version", "framework_name", "framework_version", "batch_size", "dataset_name", "precision", "target", "mode",
                         "state")  # fmt: skip
        wanted = [(evaluations.c[name], getattr(self, name)) for name in of_evaluation]
        wanted += [(machines.c[name], getattr(self, name)) for name in ("architecture", "hostname")]
        since = [] if self.since is None else [evaluations.c.created_at >= self.since]
        return [column == value for column, value in wanted if value] + since
