"""Puts the page together: the table of passes as HTML, which reads without scripts, and the history as JSON for the scripts that show the rest.

Nothing is fetched: style and scripts stand in the page, and a content security policy forbids the network and all scripts but its own, which it knows by
their hash. Names in the history are text everywhere: escaped in the table, and in JSON without any `<`, which alone could end the element around it.
"""

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from importlib.resources import files

from ngc.passes.instruments.page.history import History, PassRecord

SCRIPTS = ("dom", "model", "align", "lineage", "search", "line_view", "graphs_view", "events_view", "node_view", "search_view", "main")
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
    before = [None, *history.passes]
    return "\n".join(_row(record, position, history.counts(position), _operators(record, before[position]), record.seconds / slowest)
                     for position, record in enumerate(history.passes))


def _row(record: PassRecord, position: int, counts: dict[str, int], operators: str, share: float) -> str:
    state = "failed" if record.error else "" if record.changed else "still"
    note = f'<p class="error">{escape(record.error)}</p>' if record.error else ""
    file = f'<a href="{escape(record.file, quote=True)}">text</a>' if record.file else ""
    bar = f'<span class="bar" style="width:{share * 4:.2f}rem"></span>' if record.file else ""
    time = f"{bar}{record.seconds * 1e3:.1f}" if record.seconds else ""
    return (f'<tr class="{state}"><td class="number">{record.index}</td><th scope="row"><a href="#pass={position}">{escape(record.name)}</a>{note}</th><td class="number time">{time}</td>'
            f'<td class="number">{counts.get("applied", "")}</td><td class="number">{counts.get("refused", "")}</td>'
            f'<td class="number">{operators}</td><td>{file}</td></tr>')


def _operators(record: PassRecord, before: PassRecord | None) -> str:
    """Returns how many operators there are, and how many there were where that is another number."""
    now, earlier = (sum(item.operators.values()) if item is not None else 0 for item in (record, before))
    return str(now) if before is None or now == earlier else f"{earlier} &#8594; {now}"
