"""Puts the page together: the table of passes as HTML, which reads without scripts, and the history as JSON for the scripts that show the rest.

Nothing is fetched: style and scripts stand in the page, and a content security policy forbids the network and all scripts but its own, which it knows by
their hash. Names in the history are text everywhere: escaped in the table, and in JSON without any `<`, which alone could end the element around it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files

from ngc.passes.instruments.page.history import History, PassRecord

SCRIPTS = ("dom", "model", "align", "lineage", "search", "line_view", "graphs_view", "events_view", "code_view", "node_view", "search_view", "main")
"""Names of the scripts in `js/`, each after those that it builds on; the last one starts the page."""


def page(history: History) -> str:
    """Returns the page as text."""
    script = _file("js/*")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {"title": escape(history.title), "style": _file("page.css"), "script": script, "hash": digest, "rows": _rows(history),
             "data": json.dumps(history.data(), separators=(",", ":")).replace("<", "\\u003c")}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file("page.html"))  # one walk, so that what is put in is not looked at again


@cache
def _file(name: str) -> str:
    """Returns the text of a file beside this one, or of all scripts."""
    folder = files(__package__)
    if name == "js/*":
        return '\n"use strict";\n' + "\n".join((folder / "js" / f"{script}.js").read_text(encoding="utf-8") for script in SCRIPTS)
    return (folder / name).read_text(encoding="utf-8")


def _rows(history: History) -> str:
    """Returns the rows of the table of passes; the slowest pass has the longest bar, and code generation, which takes far longer, none."""
    slowest = max((record.seconds for record in history.passes if record.file), default=0.0) or 1.0
    return "\n".join(_row(position, record, history.passes[max(position - 1, 0)], history.counts(position), slowest)
                     for position, record in enumerate(history.passes))


def _row(position: int, record: PassRecord, before: PassRecord, counts: Mapping[str, int], slowest: float) -> str:
    state = "failed" if record.error else "" if record.changed else "still"
    note = f'<p class="error">{escape(record.error)}</p>' if record.error else "" if record.changed or not record.file else " <small>unchanged</small>"
    bar = f'<span class="bar" style="width:{4 * record.seconds / slowest:.2f}rem"></span>' if record.file else ""
    cells = [str(record.index), f'<a href="#pass={position}">{escape(record.name)}</a>{note}', f"{bar}{record.seconds * 1e3:.1f}" if record.seconds else "",
             str(counts.get("applied", "")), str(counts.get("refused", "")), _operators(record, before),
             f'<a href="{escape(record.file, quote=True)}">text</a>' if record.file else ""]
    return f'<tr class="{state}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _operators(record: PassRecord, before: PassRecord) -> str:
    """Returns how many operators there are, and how many there were where that is another number."""
    now, earlier = (sum(item.operators.values()) for item in (record, before))
    return str(now) if now == earlier else f"{earlier} &#8594; {now}"
