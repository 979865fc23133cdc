"""Pictures of symbols and graphs: SVG text and one HTML page, without other programs; the text of Graphviz, and a file that Netron opens."""

from ngc.visualize.diagram import Box, Cluster, Diagram
from ngc.visualize.dot import dot_text
from ngc.visualize.graphs import graph_diagram
from ngc.visualize.netron import netron_json
from ngc.visualize.page import html_page
from ngc.visualize.svg import svg_text
from ngc.visualize.symbols import symbol_diagram

__all__ = ["Box", "Cluster", "Diagram", "dot_text", "graph_diagram", "html_page", "netron_json", "svg_text", "symbol_diagram"]
