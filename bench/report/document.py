"""What a report consists of, whatever it is written in: sections of text, tables and plots."""

from dataclasses import dataclass
from enum import Enum

from bench.report.charts import Chart


class Mark(Enum):
    """What a cell stands out for."""

    NONE = ""
    FASTEST = "fastest"
    LOST = "lost"


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    mark: Mark = Mark.NONE


@dataclass(frozen=True)
class Table:
    """A table; the last rows may be totals, which are set apart."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: int = 0


@dataclass(frozen=True)
class Section:
    """A heading with what belongs to it; only pages have charts and details."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    details: tuple[Table, ...] = ()


def row(*texts: str) -> tuple[Cell, ...]:
    """Returns a row of cells that stand out for nothing."""
    return tuple(map(Cell, texts))
