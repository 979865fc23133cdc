"""A graph at one moment as lines of text, in the parts that the page folds, links and compares."""

from dataclasses import dataclass

from ngc.ir import Graph, Loc, Node
from ngc.ir.printer import format_type, print_header, print_node, print_ranges, print_return


@dataclass(frozen=True)
class Line:
    """One line of a graph's text.

    Attributes:
        kind: "graph" (the first line, whose results are the inputs), "node", "range", "return" or "end".
        scope: the names of the regions that the line stands in, each with a slash behind it; empty in the graph itself.
        text: what is printed but for types and locations, without indentation.
        op: the operator of a node.
        results: names of the values that the line makes.
        operands: names of the values that it reads.
        types: of the results, as printed.
        locs: MXNet nodes that it comes from.
    """

    kind: str
    scope: str
    text: str
    op: str = ""
    results: tuple[str, ...] = ()
    operands: tuple[str, ...] = ()
    types: str = ""
    locs: tuple[Loc, ...] = ()


def snapshot(graph: Graph, elide_larger_than: int | None = None, scope: str = "") -> list[Line]:
    """Returns the lines of a graph, those of regions after the line of their node.

    Args:
        graph: what to show; it need not be valid, so that failures can be shown.
        elide_larger_than: longer lists are cut.
        scope: of the graph's lines.
    """
    lines = [Line("graph", scope, print_header(graph, elide_larger_than), results=tuple(value.name for value in graph.inputs))]
    for node in graph.nodes:
        lines.append(_node_line(node, elide_larger_than, scope))
        for region in node.regions:
            lines += snapshot(region, elide_larger_than, f"{scope}{region.name}/")
    lines += (Line("range", scope, text) for text in print_ranges(graph))
    lines.append(Line("return", scope, print_return(graph), operands=tuple(value.name for value in graph.outputs)))
    lines.append(Line("end", scope, "}"))
    return lines


def _node_line(node: Node, elide_larger_than: int | None, scope: str) -> Line:
    types = ", ".join(format_type(value.type, elide_larger_than) for value in node.outputs)
    text = print_node(node, locations=False, elide_larger_than=elide_larger_than).removesuffix(f" : {types}")
    return Line("node", scope, text, node.op, tuple(value.name for value in node.outputs), tuple(value.name for value in node.inputs), types, node.locs)
