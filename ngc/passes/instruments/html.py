"""The index page of an IR dump: passes with their times, what each changed, and the rules that fired or refused."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ngc.ir import Event

MOST_DIFF_LINES = 3000
"""How many changed lines the page shows per pass; the dumped files hold all."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --less: #d33; --more: #283; --shade: #8881; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; background: var(--shade); padding: .6rem; font-size: 12.5px; line-height: 1.35; }
pre .less { color: var(--less); } pre .more { color: var(--more); } pre .hunk { opacity: .6; }
.still { opacity: .55; } .error { color: var(--less); white-space: pre-wrap; font-family: monospace; }
summary { cursor: pointer; } .bar { display: inline-block; height: .7em; background: #47a; min-width: 1px; }
"""


@dataclass(frozen=True)
class Stage:
    """The graph after one pass: where its text is, how it differs from the one before, what was decided, what it holds."""

    index: int
    name: str
    spec: str
    file: str
    diff: Sequence[str]
    seconds: float
    changed: bool
    events: Sequence[Event]
    operators: dict[str, int]
    error: str = ""


def index_page(title: str, stages: Sequence[Stage]) -> str:
    """Returns a page without scripts, links to the network or other files than the dumped ones."""
    total = sum(stage.seconds for stage in stages) or 1.0
    rows = "\n".join(_row(stage, stage.seconds / total) for stage in stages)
    details = "\n".join(_details(stage) for stage in stages)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}: passes</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}: what each pass did</h1>
<table><thead><tr><th class="number">#</th><th>pass</th><th class="number">ms</th><th>time</th><th class="number">rules applied</th>
<th class="number">refused</th><th class="number">operators</th><th>IR</th></tr></thead><tbody>
{rows}
</tbody></table>
{details}
</body></html>"""


def _row(stage: Stage, share: float) -> str:
    status = Counter(event.status for event in stage.events)
    mark = "" if stage.changed else ' class="still"'
    time = f'<span class="bar" style="width:{share * 8:.2f}rem"></span>' if stage.seconds else ""
    note = " &#9888; failed" if stage.error else "" if stage.changed else " (changed nothing)"
    return (f'<tr{mark}><td class="number">{stage.index}</td><td><a href="#pass{stage.index}">{escape(stage.name)}</a>{note}</td>'
            f'<td class="number">{stage.seconds * 1e3:.2f}</td><td>{time}</td><td class="number">{status["applied"] or ""}</td>'
            f'<td class="number">{status["refused"] or ""}</td><td class="number">{sum(stage.operators.values())}</td>'
            f'<td><a href="{escape(stage.file, quote=True)}">{escape(stage.file)}</a></td></tr>')


def _details(stage: Stage) -> str:
    parts = [f'<h2 id="pass{stage.index}">{stage.index}. {escape(stage.spec or stage.name)}</h2>']
    if stage.error:
        parts.append(f'<p class="error">{escape(stage.error)}</p>')
    operators = ", ".join(f"{name} {count}" for name, count in stage.operators.items())
    parts.append(f"<p>{escape(operators) or 'no operators'}</p>")
    for status, title in (("applied", "rules applied"), ("refused", "refused"), ("skipped", "skipped"), ("chosen", "chosen")):
        parts.append(_events(title, [event for event in stage.events if event.status == status]))
    if stage.index:
        parts.append(_diff(stage))
    return "\n".join(part for part in parts if part)


def _events(title: str, events: Sequence[Event]) -> str:
    if not events:
        return ""
    counts = ", ".join(f"{rule} {count}" for rule, count in Counter(event.rule for event in events).most_common())
    rows = "\n".join(f'<tr><td class="number">{event.number}</td><td>{escape(event.rule)}</td><td>%{escape(event.node)}</td>'
                     f"<td>{escape(', '.join(map(str, event.locs)))}</td><td>{escape(event.reason)}</td></tr>" for event in events)
    return (f"<details><summary>{title}: {len(events)} ({escape(counts)})</summary><table><thead><tr><th class='number'>#</th><th>rule</th>"
            f"<th>node</th><th>MXNet nodes</th><th>why</th></tr></thead><tbody>\n{rows}\n</tbody></table></details>")


def _diff(stage: Stage) -> str:
    if not stage.diff:
        return "<p>No line of the IR changed.</p>"
    kinds = {"-": "less", "+": "more", "@": "hunk"}
    lines = [f'<span class="{kinds[line[0]]}">{escape(line)}</span>' if line[:1] in kinds else escape(line) for line in stage.diff[:MOST_DIFF_LINES]]
    if len(stage.diff) > MOST_DIFF_LINES:
        lines.append(f"... {len(stage.diff) - MOST_DIFF_LINES} more lines")
    opened = " open" if len(stage.diff) < 200 else ""
    return f"<details{opened}><summary>changed lines: {len(stage.diff)}</summary><pre>" + "\n".join(lines) + "</pre></details>"
