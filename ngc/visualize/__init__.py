"""Pictures of symbols and graphs, as SVG text and as one HTML page, without other programs."""

from ngc.visualize.diagram import Box, Cluster, Diagram
from ngc.visualize.graphs import graph_diagram
from ngc.visualize.page import html_page
from ngc.visualize.svg import svg_text
from ngc.visualize.symbols import symbol_diagram

__all__ = ["Box", "Cluster", "Diagram", "graph_diagram", "html_page", "svg_text", "symbol_diagram"]
