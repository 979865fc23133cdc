"""The plots of the page. Each returns a section; what there is no data for says what it takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from ngc.evaluate.report.page.content import Content, Entry
from ngc.evaluate.report.page.drawing import EDGE, GROUND, QUIET, SERIES, draw, log_scale
from ngc.evaluate.report.page.place_labels import place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Item = TypeVar("Item")

_SIZE = (7.0, 4.2)
"""Inches of a plot; the page stretches them."""

_LEGEND_WIDTH = 120
"""Characters of a line of a legend."""

_TOP_LAYERS = 20

_PAIRS = 15
"""Pairs of classes that are shown, the most frequent ones."""

_LABELLED = 40
"""Points that get a label, the newest ones; more would not be legible."""


@dataclass(frozen=True)
class Section:
    """A plot with its title and a sentence about it; without data, `svg` is empty and the note says what is missing."""

    name: str
    title: str
    note: str
    svg: str = ""


def sections(content: Content) -> list[Section]:
    """Returns all plots."""
    return [accuracy_against_latency(content), distribution(content), layers_by_time(content), history(content), confusion(content), reliability(content)]


def accuracy_against_latency(content: Content) -> Section:
    """Returns the plot of the newest evaluation of each kind: what is up and left is better."""
    name, title = "accuracy-latency", "Accuracy against latency"
    shown = [entry for entry in content.newest if entry.tally.labelled and entry.timing.counted]
    if not shown:
        return Section(name, title, "It takes evaluations of a data set with labels.")
    precisions = sorted({entry.evaluation.precision for entry in shown})

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for number, precision in enumerate(precisions):
            points = [(entry.timing.latency, entry.tally.top1_accuracy) for entry in shown if entry.evaluation.precision == precision]
            axes.scatter([x for x, _ in points], [y for _, y in points], s=36, color=SERIES[number % len(SERIES)], edgecolors=GROUND, linewidths=0.8, zorder=3,
                         label=_named(precision))
        _scale(axes, "x", [entry.timing.latency for entry in shown])
        axes.set_xlabel("latency (ms/input)")
        axes.set_ylabel("top-1 accuracy")
        axes.margins(x=0.12)
        _shares(axes, [entry.tally.top1_accuracy for entry in shown])
        if len(precisions) > 1:
            _legend(figure)
        labelled = shown[:_LABELLED]
        place_labels(axes, [(entry.timing.latency, entry.tally.top1_accuracy) for entry in labelled], [entry.label for entry in labelled])

    return Section(name, title, "The newest evaluation of each kind; up and left is better.", draw(name, title, _SIZE, paint))


def distribution(content: Content) -> Section:
    """Returns the percentiles of latency of the newest evaluation of each kind."""
    name, title = "distribution", "Latency distribution"
    shown, note = _few([entry for entry in content.newest if len(entry.timing.counted) > 1])
    if not shown:
        return Section(name, title, "It takes evaluations of at least two full batches.")

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        everything: list[float] = []
        for color, entry in zip(SERIES, shown, strict=False):
            values = np.sort(entry.timing.counted) / (entry.timing.batch * 1000)
            everything += values.tolist()
            axes.plot(np.linspace(0, 100, len(values)), values, color=color, label=_named(entry.label))
        _scale(axes, "y", everything)
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 25, 50, 75, 90, 100])
        axes.set_xlabel("percentile of batches")
        axes.set_ylabel("latency (ms/input)")
        _legend(figure)

    return Section(name, title, f"How many of the full batches took how long, in the newest evaluation of each kind{note}.", draw(name, title, _SIZE, paint))


def layers_by_time(content: Content) -> Section:
    """Returns the slowest layers of the newest trace."""
    name, title = "layers", "Layers by time"
    if content.layers_of is None:
        return Section(name, title, "It takes an evaluation with --trace_level FRAMEWORK_TRACE.")
    shown = content.layers[:_TOP_LAYERS]
    whole = math.fsum(layer.duration for layer in content.layers)
    types = list(dict.fromkeys(layer.type for layer in shown))

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for number, type in enumerate(types):
            places = [place for place, layer in enumerate(shown) if layer.type == type]
            axes.barh(places, [shown[place].duration for place in places], height=0.7, color=SERIES[number % len(SERIES)], label=_named(type))
        for place, layer in enumerate(shown):
            axes.annotate(f"{layer.duration / whole:.1%}" if whole else "", (layer.duration, place), xytext=(3, 0), textcoords="offset points", va="center",
                          fontsize=7, color=QUIET)
        axes.set_yticks(range(len(shown)), [_shortened(f"{layer.index} {layer.name}") for layer in shown], fontsize=7)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("microseconds a run")
        figure.legend(loc="outside upper right", ncols=min(len(types), 6))

    of = content.layers_of
    note = (f"The {len(shown)} slowest of {len(content.layers)} layers of {of.label}, traced on {_day(of)}; all take {whole / 1000:.3f} ms for a batch of "
            f"{of.timing.batch}.")
    return Section(name, title, note, draw(name, title, (7.0, max(1.6, 0.8 + 0.21 * len(shown))), paint))


def history(content: Content) -> Section:
    """Returns accuracy and latency over time, a line for each kind."""
    name, title = "history", "History"
    groups, note = _few([group for group in content.kinds if any(entry.timing.counted for entry in group)])
    if not groups:
        return Section(name, title, "It takes evaluations with finished parts.")

    def paint(figure: "Figure") -> None:
        upper, lower = figure.subplots(2, sharex=True)
        for color, group in zip(SERIES, groups, strict=False):
            for axes, values in ((upper, [entry.tally.top1_accuracy for entry in group]), (lower, [entry.timing.latency for entry in group])):
                label = _named(group[0].label) if axes is lower else None
                axes.plot([entry.evaluation.created_at for entry in group], values, marker="o", color=color, label=label)
        _scale(lower, "y", [entry.timing.latency for group in groups for entry in group])
        _shares(upper, [entry.tally.top1_accuracy for group in groups for entry in group])
        upper.set_ylabel("top-1 accuracy")
        lower.set_ylabel("latency (ms/input)")
        _dates(lower.xaxis)
        _legend(figure)

    return Section(name, title, f"Every evaluation by the time when it began, a line for each kind{note}.", draw(name, title, (7.0, 5.2), paint))


def confusion(content: Content) -> Section:
    """Returns the classes that the newest evaluation with labels takes for each other most often."""
    name, title = "confusion", "Most confused classes"
    entry = next((entry for entry in content.entries if entry.tally.labelled), None)
    if entry is None:
        return Section(name, title, "It takes an evaluation of a data set with labels.")
    wrong = {pair: count for pair, count in entry.tally.confusion.items() if pair[0] != pair[1]}
    pairs = sorted(wrong, key=lambda pair: (-wrong[pair], pair))[:_PAIRS]
    about = f"{entry.label} of {_day(entry)}: {sum(wrong.values())} of {entry.tally.labelled} answers are wrong"
    if not pairs:
        return Section(name, title, f"{about}.")

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        counts = [wrong[pair] for pair in pairs]
        axes.barh(range(len(pairs)), counts, height=0.7, color=SERIES[0])
        axes.bar_label(axes.containers[0], padding=3, fontsize=7, color=QUIET)  # type: ignore[arg-type]
        axes.set_yticks(range(len(pairs)), [f"{expected} \N{RIGHTWARDS ARROW} {answered}" for expected, answered in pairs], fontsize=8)
        axes.set_ylim(len(pairs) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("inputs")
        axes.set_ylabel("expected \N{RIGHTWARDS ARROW} answered class")

    svg = draw(name, title, (7.0, max(1.6, 0.8 + 0.24 * len(pairs))), paint)
    return Section(name, title, f"{about}; the {len(pairs)} most frequent of {len(wrong)} pairs.", svg)


def reliability(content: Content) -> Section:
    """Returns the reliability diagram (Guo et al., 2017): of answers of some confidence, how many are right; on the diagonal confidence is what it says."""
    name, title = "reliability", "Reliability"
    shown, note = _few([entry for entry in content.newest if entry.tally.labelled])
    if not shown:
        return Section(name, title, "It takes evaluations of a data set with labels.")

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=EDGE, linestyle="--", linewidth=1)
        for color, entry in zip(SERIES, shown, strict=False):
            bins = [(confidence / number, right / number) for number, right, confidence in entry.tally.bins if number]
            sizes = [3 + 90 * number / entry.tally.labelled for number, _, _ in entry.tally.bins if number]
            axes.plot(*zip(*bins, strict=True), color=color, linewidth=1, label=_named(f"{entry.label} ({entry.tally.calibration_error:.1%})"))
            axes.scatter([x for x, _ in bins], [y for _, y in bins], s=sizes, color=color, zorder=3)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(_percent)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("confidence")
        axes.set_ylabel("right answers")
        _legend(figure)

    about = ("On the diagonal, answers are right as often as their confidence says. The larger a point, the more answers; in parentheses their mean distance "
             f"from the diagonal{note}.")
    return Section(name, title, about, draw(name, title, _SIZE, paint))


def _few(items: Sequence[Item]) -> tuple[Sequence[Item], str]:
    """Returns as many as there are colors, and what to say of the others."""
    return items[: len(SERIES)], f"; {len(SERIES)} of {len(items)} kinds, the newest" if len(items) > len(SERIES) else ""


def _scale(axes: "Axes", axis: Literal["x", "y"], values: Sequence[float]) -> None:
    """Lets an axis begin at 0, or makes it logarithmic where values are further apart than one decade."""
    present = [value for value in values if not math.isnan(value)]
    if present and max(present) > 10 * min(present) > 0:
        log_scale(axes, axis)
    else:
        axes.set(**{f"{axis}lim": (0, None)})


def _shares(axes: "Axes", values: Sequence[float]) -> None:
    """Lets the y axis show shares as percentages, with room around them, but none that cannot be."""
    present = [value for value in values if not math.isnan(value)] or [0.0, 1.0]
    room = max(0.12 * (max(present) - min(present)), 0.01)
    axes.set_ylim(max(0.0, min(present) - room), min(1.0 + room / 4, max(present) + room))
    axes.yaxis.set_major_formatter(_percent)


def _legend(figure: "Figure") -> None:
    """Adds a legend below the plots, in as many columns as fit."""
    handles, labels = [list(items) for items in zip(*(axes.get_legend_handles_labels() for axes in figure.axes), strict=True)]
    flat = [label for some in labels for label in some]
    columns = max(1, min(3, _LEGEND_WIDTH // (max(map(len, flat)) + 8)))
    figure.legend([handle for some in handles for handle in some], flat, loc="outside lower left", ncols=columns)


def _named(label: str) -> str:
    """Returns a label as legends show it: matplotlib leaves those out that begin with an underscore, so these begin with a character of no width."""
    return f"\N{WORD JOINER}{label}" if label.startswith("_") else label


def _dates(axis: "Axis") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # matplotlib is half typed
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _percent(value: float, _: object) -> str:
    return f"{value:.4g}".rstrip() if math.isnan(value) else f"{100 * value:.4g}%"


def _shortened(name: str, most: int = 48) -> str:
    return name if len(name) <= most else f"{name[: most // 2]}\N{HORIZONTAL ELLIPSIS}{name[-most // 2 :]}"


def _day(entry: Entry) -> str:
    return f"{entry.evaluation.created_at:%Y-%m-%d}"
