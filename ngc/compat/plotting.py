"""`plot_network`, as `mx.viz.plot_network` draws symbols, without graphviz: SVG, and HTML that needs no network."""

import os
import re
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ngc.compat.edge_labels import edge_labels
from ngc.compat.symbol import Symbol
from ngc.errors import InputError
from ngc.ir import Graph
from ngc.visualize import Diagram, graph_diagram, html_page, svg_text, symbol_diagram

_FORMATS = ("svg", "html")

_PARTING = re.compile(r"[/\\]")
"""What would part the name of a file into folders."""


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

    def render(self, filename: str | os.PathLike[str] | None = None, directory: str | os.PathLike[str] | None = None, view: bool = False,
               cleanup: bool = False, format: str | None = None) -> str:
        """Writes the picture, as graphviz's `Digraph.render` does, and returns the name of the file.

        Args:
            filename: without or with the format behind it; the title unless given, each "/" and "\\" of which becomes "_".
            directory: where the file goes; the working folder unless given. Folders that are missing are made.
            view: open it with the system's viewer, too.
            cleanup: taken for compatibility: there is no source to remove.
            format: "svg" or "html"; that of the picture unless given.

        Raises:
            InputError: another format, or a file that cannot be written.
        """
        form = _checked_format(format or self.save_format, "format")
        name = os.fspath(filename) if filename is not None else _PARTING.sub("_", self.diagram.title)
        path = Path(directory or "", name if name.endswith(f".{form}") else f"{name}.{form}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.svg if form == "svg" else self.html, encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}; render(filename, directory=...) says where to") from error
        if view:
            webbrowser.open(path.resolve().as_uri())
        return os.fspath(path)

    save = render

    def view(self, filename: str | os.PathLike[str] | None = None, directory: str | os.PathLike[str] | None = None, cleanup: bool = False) -> str:
        """Writes the picture and opens it with the system's viewer; returns the name of the file."""
        return self.render(filename, directory, view=True, cleanup=cleanup)


def _checked_format(form: str, option: str) -> str:
    if form not in _FORMATS:
        raise InputError(f"{option}={form!r}: accepted is one of {', '.join(_FORMATS)}")
    return form


def plot_network(symbol: Any, title: str = "plot", save_format: str = "svg", shape: Any = None, dtype: Any = None,
                 node_attrs: Mapping[str, str] | None = None, hide_weights: bool = True, *, expand: bool = True) -> Plot:
    """Returns the picture of a network; regions that an engine executes are framed.

    Args:
        symbol: a live symbol, an `ngc.compat.Symbol`, a path or JSON text, or an `ngc.Graph`.
        title: of the picture.
        save_format: "svg" or "html", for `render`.
        shape: shapes of a symbol's inputs by name; then arrows say what shapes they carry, without the batch. MXNet infers them.
        dtype: dtypes likewise.
        node_attrs: taken for compatibility: graphviz's attributes mean nothing here.
        hide_weights: leave parameters out.
        expand: draw what is inside of regions; otherwise each is one box, as MXNet draws it.

    Raises:
        InputError: another format, an object that is no network, or shapes and dtypes that do not fit.
        ImportFailure: there are shapes or dtypes to infer, and MXNet is not installed.
    """
    _checked_format(save_format, "save_format")
    wanted = shape is not None or dtype is not None
    if isinstance(symbol, Graph):
        if wanted:
            raise InputError("shape and dtype are for symbols; the boxes of a graph state their types")
        return Plot(graph_diagram(symbol, title, expand=expand), save_format)
    nodes = Symbol.of(symbol).graph
    labels = edge_labels(nodes, shape, dtype) if wanted else None
    return Plot(symbol_diagram(nodes, title, expand=expand, hide_weights=hide_weights, labels=labels), save_format)
