"""A report in Markdown: text and tables."""

from collections.abc import Sequence

from bench.report.content import Measurements, sections
from bench.report.document import Cell, Mark, Section, Table


def render(found: Measurements) -> str:
    """Returns the report as a Markdown document."""
    head = ["# Performance", "", f"Measured on {found.date}, {found.processor}.",
            "Made by `python -m bench.report`. The quickest engine's time is **bold**; where a peer beats ngc, the ratio has the mark ◀.", ""]  # fmt: skip
    return "\n".join(head + [line for section in sections(found) for line in _section(section)]).rstrip() + "\n"


def _section(section: Section) -> list[str]:
    lines = [f"## {section.title}", ""]
    for paragraph in section.text:
        lines += [paragraph, ""]
    for table in section.tables:
        lines += [f"{table.title}:", ""] if table.title else []
        lines += [*_table(table), ""]
    return lines


def _table(table: Table) -> list[str]:
    rows: Sequence[Sequence[Cell]] = table.rows
    return ["| " + " | ".join(table.header) + " |", "|" + "---|" + "---:|" * (len(table.header) - 1),
            *("| " + " | ".join(map(_cell, row)) + " |" for row in rows)]  # fmt: skip


def _cell(cell: Cell) -> str:
    text = cell.text.replace("|", "\\|")
    if cell.mark is Mark.FASTEST:
        return f"**{text}**"
    return f"{text} ◀" if cell.mark is Mark.LOST else text
