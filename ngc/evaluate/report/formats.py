"""Tables as text: aligned for people, CSV and JSON for programs."""

import csv
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ngc.evaluate.report.table import Table, Value

FORMATS = ("table", "json", "csv")

_WIDTH = 120
"""Characters of a line of what is common to all rows of a table for people."""

_SHOWN = 3
"""So many numbers of a list does a table for people show."""


def render(table: Table, format: str, *, header: bool = True) -> str:
    """Returns a table as text, with a line break at the end.

    `table` is for people: what all rows say of the evaluation stands once, above them, and of lists the first numbers. `csv` and `json` leave nothing out;
    numbers of a list are joined by semicolons in CSV, and what there is no number for is empty, or null.

    Args:
        format: of FORMATS.
        header: whether names of columns are written; JSON has them in any case.
    """
    if format == "json":
        return json_list(json_rows(table)) + "\n"
    if format == "csv":
        return _csv(table, header)
    return _aligned(table, header)


def json_rows(table: Table) -> list[dict[str, Any]]:
    """Returns the rows in JSON's types."""
    return [{column: _json_value(value) for column, value in zip(table.columns, row, strict=True)} for row in table.rows]


def json_list(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns a list of objects as JSON, a line for each."""
    return f"[{','.join(f'{chr(10)} {json.dumps(row, ensure_ascii=False, allow_nan=False)}' for row in rows)}{chr(10) if rows else ''}]"


def _json_value(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_json_value(item) for item in value]
    return None if _is_missing(value) else value


def _csv(table: Table, header: bool) -> str:
    lines = _Lines()
    writer = csv.writer(lines)
    if header:
        writer.writerow(table.columns)
    writer.writerows([_plain(value) for value in row] for row in table.rows)
    return "".join(lines)


class _Lines(list[str]):
    """Takes the lines of a csv.writer and ends them by line feeds. Were the writer told to, it would leave carriage returns within cells without quotes."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _plain(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return ";".join(map(repr, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if _is_missing(value) else str(value)


def _aligned(table: Table, header: bool) -> str:
    same = {at for at in range(table.common) if len({row[at] for row in table.rows}) == 1}
    shown = [at for at in range(len(table.columns)) if at not in same]
    lines = [[_indent(table, row, at) + _short(row[at]) for at in shown] for row in table.rows]
    if header:
        lines.insert(0, [table.columns[at] for at in shown])
    widths = [max((len(line[place]) for line in lines), default=0) for place in range(len(shown))]
    right = [all(isinstance(row[at], int | float) or row[at] is None for row in table.rows) for at in shown]
    text = ["  ".join(cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(line, widths, right, strict=True)).rstrip()
            for line in lines]
    if header:
        text.insert(1, "  ".join("-" * width for width in widths))
        facts = [f"{table.columns[at]}: {_short(table.rows[0][at])}" for at in sorted(same) if table.rows[0][at] not in ("", None)]
        text = [*_filled(facts), *([""] if facts else []), *text]
    return "\n".join(text) + "\n"


def _indent(table: Table, row: tuple[Value, ...], at: int) -> str:
    """Returns what stands before a cell: where the column makes a tree, two blanks for each level."""
    depth = row[at - 1] if at == table.tree else 0
    return "  " * depth if isinstance(depth, int) else ""


def _filled(facts: Sequence[str]) -> list[str]:
    """Returns facts in lines; no fact is broken."""
    kept = [fact.replace(" ", "\0") for fact in facts]
    return [line.replace("\0", " ") for line in textwrap.wrap(",  ".join(kept), _WIDTH, break_long_words=False, break_on_hyphens=False)]


def _short(value: Value) -> str:
    """Returns a value for people: six digits of numbers, the first few of lists, control characters as escapes, so that names move no columns."""
    if isinstance(value, tuple):
        first = ";".join(map(_short, value[:_SHOWN]))
        return first if len(value) <= _SHOWN else f"{first};... ({len(value)})"
    if isinstance(value, list):
        return f"({len(value)})"
    if isinstance(value, float) and not math.isnan(value):
        return f"{value:.6g}"
    if isinstance(value, str) and not value.isprintable():
        return "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in value)
    return _plain(value)


def _is_missing(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
