"""Plots of matplotlib as SVG that stands in a page: in the page's colors, light and dark, and with names that no other plot of the page has.

matplotlib writes fixed colors. It is given those of COLORS, which no plot has otherwise, and each is replaced by the variable of the style sheet that it means.
"""

import io
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = tuple(f"#{number:02x}0001" for number in range(1, 9))
"""Colors of things that are compared."""

INK, QUIET, EDGE, GROUND = "#010002", "#020002", "#030002", "#040002"
"""Colors of text, of what is beside the point, of grids, and of the page."""

COLORS = {**{color: f"var(--series-{number})" for number, color in enumerate(SERIES, 1)},
          INK: "var(--ink)", QUIET: "var(--quiet)", EDGE: "var(--edge)", GROUND: "var(--ground)"}  # fmt: skip

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9.0, "text.parse_math": False, "text.color": INK, "axes.edgecolor": EDGE,
    "axes.labelcolor": QUIET, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": EDGE, "grid.linewidth": 0.6,
    "axes.axisbelow": True, "xtick.color": QUIET, "ytick.color": QUIET, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "lines.linewidth": 1.6,
    "lines.markersize": 5.0, "legend.frameon": False, "legend.fontsize": 8.0, "figure.facecolor": "none", "axes.facecolor": "none",
}  # fmt: skip
"""Names are shown as they are: matplotlib would take what stands between dollars for mathematics."""


def draw(name: str, description: str, size: tuple[float, float], paint: "Callable[[Figure], None]") -> str:
    """Returns an SVG element.

    Args:
        name: of the plot in the page; names within the plot begin with it.
        description: what the plot shows, for those who cannot see it.
        size: width and height in inches; the page stretches it.
        paint: draws into an empty figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    text = io.StringIO()
    with warnings.catch_warnings(), matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)  # the browser has other fonts
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _embedded(text.getvalue(), name, description)


def log_scale(axes: "Axes", name: Literal["x", "y"]) -> None:
    """Makes an axis logarithmic, with ticks at round numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set(**{f"{name}scale": "log"})
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def _embedded(document: str, name: str, description: str) -> str:
    """Returns the SVG element of a document, as it can stand in a page beside others."""
    element = document[document.index("<svg"):]
    element = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", element, flags=re.DOTALL)
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    element = re.sub(r"#[0-9a-f]{6}\b", lambda found: COLORS.get(found[0], found[0]), element)
    head = re.match(r"<svg[^>]*>", element)
    assert head is not None
    box = re.search(r'viewBox="[^"]*"', head[0])
    assert box is not None
    return f'<svg class="plot" role="img" aria-label="{escape(description, quote=True)}" {box[0]}>{element[head.end():].strip()}'
