"""Puts the page together: a table as HTML and the plots as SVG.

There are no scripts, and a content security policy forbids scripts and the network, whatever a name may be.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from html import escape
from importlib.resources import files
from typing import Any, TypeVar

from ngc.evaluate.records import FINISHED, Evaluation, Machine
from ngc.evaluate.report.page.charts import Section, sections
from ngc.evaluate.report.page.content import Content, Entry
from ngc.evaluate.report.timing import throughput

Item = TypeVar("Item")

NAME, NUMBER = "name", "number"
"""Classes of columns in the style sheet."""

_EVALUATION: dict[str, tuple[str, Callable[[Entry], str]]] = {
    "begun (UTC)": ("", lambda entry: f"{entry.evaluation.created_at.astimezone(UTC):%Y-%m-%d %H:%M}"),
    "model": (NAME, lambda entry: f"{entry.evaluation.model_name} {entry.evaluation.model_version}"),
    "precision": ("", lambda entry: entry.evaluation.precision),
    "target": ("", lambda entry: entry.evaluation.target),
    "batch": (NUMBER, lambda entry: str(entry.evaluation.batch_size)),
    "threads": (NUMBER, lambda entry: str(entry.evaluation.threads)),
    "data": (NAME, lambda entry: entry.evaluation.dataset_name or entry.evaluation.mode),
    "inputs": (NUMBER, lambda entry: str(entry.tally.labelled + entry.tally.unlabelled)),
    "failed": (NUMBER, lambda entry: str(entry.tally.failures or "")),
    "top-1": (NUMBER, lambda entry: _percent(entry.tally.top1_accuracy)),
    "top-5": (NUMBER, lambda entry: _percent(entry.tally.top5_accuracy)),
    "calibration error": (NUMBER, lambda entry: _percent(entry.tally.calibration_error)),
    "latency (ms/input)": (NUMBER, lambda entry: _number(entry.timing.latency)),
    "throughput (inputs/s)": (NUMBER, lambda entry: _number(throughput(entry.timing.latency))),
    "load": ("", lambda entry: _load(entry.evaluation.results)),
    "state": (NAME, lambda entry: _state(entry.evaluation)),
    "machine": (NAME, lambda entry: entry.evaluation.machine.hostname),
    "id": ("", lambda entry: entry.evaluation.id),
}
"""Columns of the table of evaluations: their class, and what makes the text of their cells. Columns without any text are left out."""

_MACHINE: dict[str, tuple[str, Callable[[Machine], str]]] = {
    "machine": (NAME, lambda machine: machine.hostname), "architecture": ("", lambda machine: machine.architecture), "CPU": (NAME, lambda machine: machine.cpu),
    "cores": (NUMBER, lambda machine: str(machine.cores)), "memory (GiB)": (NUMBER, lambda machine: f"{machine.memory / 2**30:.3g}"),
    "system": (NAME, lambda machine: machine.system), "GPU": (NAME, lambda machine: machine.gpu), "GPU driver": ("", lambda machine: machine.gpu_driver),
    "Python": ("", lambda machine: machine.python),
}  # fmt: skip
"""Columns of the table of machines, in the same way."""


def page(content: Content) -> str:
    """Returns the page as text."""
    machines = list(dict.fromkeys(entry.evaluation.machine for entry in content.entries))
    parts = {
        "title": escape(content.title), "style": _file("page.css"), "facts": escape(_facts(content)), "plots": "\n".join(map(_section, sections(content))),
        "evaluations": _table(_EVALUATION, content.entries, lambda entry: entry.evaluation.state), "machines": _table(_MACHINE, machines, lambda machine: ""),
    }  # fmt: skip
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file("page.html"))  # one walk, so that what is put in is not looked at again


def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _facts(content: Content) -> str:
    days = sorted(f"{entry.evaluation.created_at.astimezone(UTC):%Y-%m-%d}" for entry in content.entries)
    machines = sorted({entry.evaluation.machine.hostname for entry in content.entries})
    number = len(content.entries)
    begun = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return f"{number} evaluation{'s' * (number != 1)} of {begun} on {', '.join(machines)}"


def _section(section: Section) -> str:
    return f'<section id="{section.name}">\n<h2>{escape(section.title)}</h2>\n<p>{escape(section.note)}</p>\n{section.svg}\n</section>'


def _table(columns: Mapping[str, tuple[str, Callable[[Item], str]]], items: Sequence[Item], state: Callable[[Item], str]) -> str:
    """Returns a table of items; `state` gives the class of an item's row."""
    cells = [[text(item) for _, text in columns.values()] for item in items]
    shown = [(at, name, kind) for at, (name, (kind, _)) in enumerate(columns.items()) if any(row[at] for row in cells)]
    head = "".join(_cell("th", name, kind) for _, name, kind in shown)
    rows = (f'<tr class="{state(item)}">{"".join(_cell("td", row[at], kind) for at, _, kind in shown)}</tr>' for item, row in zip(items, cells, strict=True))
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>"


def _cell(tag: str, text: str, kind: str) -> str:
    return f'<{tag} class="{kind}">{escape(text)}</{tag}>'


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2%}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def _state(evaluation: Evaluation) -> str:
    """Returns what an evaluation that is not finished is, and why."""
    return "" if evaluation.state == FINISHED else f"{evaluation.state}: {evaluation.error}" if evaluation.error else evaluation.state


def _load(results: Mapping[str, Any]) -> str:
    """Returns what was measured under load, if anything was."""
    return f"{_number(results['qps'])} queries/s, p{results['percentile']:g} {_number(results['latency_ms'])} ms" if "qps" in results else ""
