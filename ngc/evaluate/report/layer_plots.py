"""Plots of layers: bars of their times, and boxes of how these spread over the runs; PNG, SVG or what else matplotlib writes by a file's extension."""

import io
from collections.abc import Sequence
from pathlib import Path

from ngc.errors import EvaluationError
from ngc.evaluate.report.layers import Layer

PLOTS = (".png", ".svg", ".pdf")
"""Extensions of files of plots."""

_ROW = 0.22
"""Inches of a layer."""


def layer_plot(layers: Sequence[Layer], title: str, path: Path, *, boxes: bool) -> bytes:
    """Returns a plot of layers, from top to bottom in the order given, in the format that the path's extension means.

    Args:
        boxes: quartiles of the runs with whiskers, which end at the last run within 1.5 times the quartiles' distance (Tukey, 1977); else bars of the
            trimmed means.

    Raises:
        EvaluationError: the extension means no format.
    """
    if path.suffix.lower() not in PLOTS:
        raise EvaluationError(f"cannot plot into {path}: give a file that ends in {', '.join(PLOTS)}")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.2 + _ROW * len(layers)), layout="constrained")
    axes = figure.subplots()
    places = range(len(layers))
    if boxes:
        axes.boxplot([layer.durations for layer in layers], orientation="horizontal", positions=places, widths=0.6, showfliers=False, manage_ticks=False)
    else:
        axes.barh(places, [layer.duration for layer in layers], height=0.7)
    axes.set_yticks(places, [f"{layer.index} {layer.name}" for layer in layers], fontsize=7, parse_math=False)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("microseconds")
    axes.set_title(title, fontsize=9, parse_math=False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:].lower(), dpi=120)
    return data.getvalue()
