"""`plot_network`, as `mx.viz.plot_network` draws symbols, without graphviz: SVG, and HTML that needs no network."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ngc.compat.symbol import Symbol
from ngc.errors import InputError
from ngc.ir import Graph
from ngc.visualize import Diagram, graph_diagram, html_page, svg_text, symbol_diagram

_FORMATS = ("svg", "html")


class Plot:
    """A drawn network; notebooks show it as it is."""

    def __init__(self, diagram: Diagram, save_format: str = "svg") -> None:
        self.diagram, self.save_format = diagram, save_format

    @property
    def svg(self) -> str:
        """The picture as SVG text."""
        return svg_text(self.diagram)

    @property
    def html(self) -> str:
        """The picture on a page of its own."""
        return html_page(self.diagram.title, [self.diagram])

    def _repr_svg_(self) -> str:
        return self.svg

    def render(self, filename: str | os.PathLike[str] | None = None) -> str:
        """Writes the picture and returns the name of the file: `filename`, the title unless given, with the format behind it."""
        path = Path(os.fspath(filename if filename is not None else self.diagram.title))
        if path.suffix != f".{self.save_format}":
            path = path.with_name(f"{path.name}.{self.save_format}")
        path.write_text(self.svg if self.save_format == "svg" else self.html, encoding="utf-8")
        return os.fspath(path)

    save = render


def plot_network(symbol: Any, title: str = "plot", save_format: str = "svg", shape: Any = None, dtype: Any = None,
                 node_attrs: Mapping[str, str] | None = None, hide_weights: bool = True, *, expand: bool = True) -> Plot:
    """Returns the picture of a network; regions that an engine executes are framed.

    Args:
        symbol: a live symbol, an `ngc.compat.Symbol`, a path or JSON text, or an `ngc.Graph`.
        title: of the picture.
        save_format: "svg" or "html", for `render`.
        shape: taken for compatibility: symbols are drawn without shapes, graphs have theirs.
        dtype: taken for compatibility.
        node_attrs: taken for compatibility: graphviz's attributes mean nothing here.
        hide_weights: leave parameters out.
        expand: draw what is inside of regions; otherwise each is one box, as MXNet draws it.

    Raises:
        InputError: another format, or an object that is no network.
    """
    if save_format not in _FORMATS:
        raise InputError(f"save_format={save_format!r}: accepted is one of {', '.join(_FORMATS)}")
    diagram = graph_diagram(symbol, title, expand=expand) if isinstance(symbol, Graph) \
        else symbol_diagram(Symbol.of(symbol).graph, title, expand=expand, hide_weights=hide_weights)
    return Plot(diagram, save_format)
