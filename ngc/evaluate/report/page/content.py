"""What the page shows, read from the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ngc.evaluate.accuracy import Tally, total
from ngc.evaluate.records import Evaluation
from ngc.evaluate.report.latency import kind
from ngc.evaluate.report.layers import Layer, layers_of
from ngc.evaluate.report.timing import Timing, timing

if TYPE_CHECKING:
    from ngc.evaluate.store import Store

_DISTINCTIONS = (
    ("model_version", "{}"), ("mode", "{}"), ("target", "{}"), ("batch_size", "batch {}"), ("threads", "{} threads"), ("engine", "{}"), ("dataset_name", "{}"),
    ("hostname", "{}"), ("level", "{}"), ("parts", "parts: {}"), ("reading", "{}"),
)  # fmt: skip
"""What is said of a kind of evaluation beside model and precision, where it takes that to tell it from another."""


@dataclass(frozen=True)
class Entry:
    """One evaluation with what it measured; `label` says what is evaluated in a few words."""

    evaluation: Evaluation
    timing: Timing
    tally: Tally
    label: str


@dataclass(frozen=True)
class Content:
    """Everything on the page.

    Attributes:
        title: which evaluations these are.
        entries: the evaluations, newest first.
        layers: of the newest evaluation whose trace has them, slowest first; none without one.
        layers_of: that evaluation.
    """

    title: str
    entries: tuple[Entry, ...]
    layers: tuple[Layer, ...] = ()
    layers_of: Entry | None = None

    @cached_property
    def kinds(self) -> list[list[Entry]]:
        """Evaluations of the same thing, also of as many parts, together, each group newest first, the groups by their newest."""
        groups: dict[tuple[object, ...], list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault((*kind(entry.evaluation), entry.evaluation.parts), []).append(entry)
        return list(groups.values())

    @property
    def newest(self) -> list[Entry]:
        """The newest evaluation of each kind."""
        return [group[0] for group in self.kinds]


def collect(store: "Store", evaluations: Sequence[Evaluation], title: str) -> Content:
    """Returns the content of a page about evaluations, which come newest first."""
    entries = []
    for evaluation, label in zip(evaluations, _labels(evaluations), strict=True):
        results = store.part_results(evaluation.id)
        entries.append(Entry(evaluation, timing(results, evaluation.batch_size), total(result.tally for result in results), label))
    for entry in entries:
        if taken := layers_of(store, entry.evaluation):
            return Content(title, tuple(entries), tuple(sorted(taken, key=lambda layer: -layer.duration)), entry)
    return Content(title, tuple(entries))


def _labels(evaluations: Sequence[Evaluation]) -> list[str]:
    """Returns model and precision of each evaluation, and of the rest what differs between those that have these in common."""
    values: dict[tuple[object, ...], set[object]] = {}
    for evaluation in evaluations:
        for name, _ in _DISTINCTIONS:
            values.setdefault(_alike(evaluation, name), set()).add(_value(evaluation, name))
    return [", ".join([f"{evaluation.model_name} {evaluation.precision}", *(
                form.format(_value(evaluation, name)) for name, form in _DISTINCTIONS if len(values[_alike(evaluation, name)]) > 1)])
            for evaluation in evaluations]


def _alike(evaluation: Evaluation, name: str) -> tuple[object, ...]:
    """Returns what evaluations have in common that a distinction is to tell from each other; the last ones follow from others as a rule."""
    further = (evaluation.batch_size, evaluation.dataset_name, evaluation.trace_level) if name in ("parts", "reading") else ()
    return (name, evaluation.model_name, evaluation.precision, *further)


def _value(evaluation: Evaluation, name: str) -> object:
    if name == "hostname":
        return evaluation.machine.hostname
    if name == "reading":
        return "read ahead" if evaluation.settings.get("read_ahead") else "read between"
    return evaluation.trace_level.name if name == "level" else getattr(evaluation, name)
