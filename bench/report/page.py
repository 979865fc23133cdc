"""A report as one HTML page that needs no other file."""

from html import escape

from bench.report.content import Measurements, sections
from bench.report.document import Cell, Mark, Section, Table

_STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --soft: #666; --line: #ddd; --back: #fff; --lost: #c62828;
  --s0: #1565c0; --s1: #ef8e19; --s2: #6a9f58; --s3: #8e6bbf; --s4: #7f7f7f; --s5: #17a0a8; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e6; --soft: #999; --line: #3a3a3a; --back: #161616; --lost: #ff6b60;
  --s0: #5aa2f2; --s1: #f2ab55; --s2: #8cc47a; --s3: #b294dd; --s4: #a5a5a5; --s5: #4cc3ca; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
figure { margin: 1.5rem 0; overflow-x: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; font-size: 14px; }
caption, figcaption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td { white-space: nowrap; }
th { vertical-align: bottom; font-weight: 500; color: var(--soft); }
tr.total td { border-top: 2px solid var(--line); }
.fastest { font-weight: 700; }
.lost { color: var(--lost); fill: var(--lost); font-weight: 700; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: var(--text); }
svg .name { text-anchor: end; fill: var(--soft); }
svg .tick { text-anchor: middle; fill: var(--soft); }
svg .value, svg .label { paint-order: stroke; stroke: var(--back); stroke-width: 4px; }
svg .rule { stroke: var(--text); stroke-dasharray: 4 3; }
svg .grid { stroke: var(--line); }
""" + "".join(f"svg .s{index} {{ fill: var(--s{index}); }}\n" for index in range(6))


def render(found: Measurements) -> str:
    """Returns the report as an HTML document."""
    parts = [_section(section) for section in sections(found)]
    return (f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>ngc: measurements of {escape(found.date)}</title><style>{_STYLE}</style></head>\n<body>\n<h1>ngc: measurements</h1>\n"
            f"<p>{escape(found.date)}, {escape(found.processor)}. The quickest engine's time is bold; a ratio at which a peer beats ngc is red and has the "
            f'mark ◀.</p>\n{"".join(parts)}</body>\n</html>\n')  # fmt: skip


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>\n"]
    parts += [f"<p>{escape(paragraph)}</p>\n" for paragraph in section.text]
    parts += [f"<figure><figcaption>{escape(chart.caption)}</figcaption>{chart.svg}</figure>\n" for chart in section.charts]
    parts += map(_table, section.tables)
    parts += [f"<details><summary>{escape(table.title)}</summary>{_table(table)}</details>\n" for table in section.details]
    return "".join(parts)


def _table(table: Table) -> str:
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    header = "".join(f"<th>{escape(name)}</th>" for name in table.header)
    first_total = len(table.rows) - table.totals
    rows = "".join(f'<tr{" class=total" if index >= first_total else ""}>{"".join(map(_cell, row))}</tr>\n' for index, row in enumerate(table.rows))
    return f'<div class="scroll"><table>{caption}<thead><tr>{header}</tr></thead><tbody>\n{rows}</tbody></table></div>\n'


def _cell(cell: Cell) -> str:
    if cell.mark is Mark.NONE:
        return f"<td>{escape(cell.text)}</td>"
    arrow = " ◀" if cell.mark is Mark.LOST else ""
    return f'<td class="{cell.mark.value}">{escape(cell.text)}{arrow}</td>'
