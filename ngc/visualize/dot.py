"""Writes a diagram as the text of Graphviz, for `dot -Tpdf` and whatever else reads the language."""

import json
from collections.abc import Iterable

from ngc.visualize.diagram import Box, Diagram

_STYLES = {
    "input": 'style="rounded,dashed"', "output": 'style="rounded,dashed"', "operator": 'style="rounded,filled", fillcolor="#f6f8fa"',
    "outside": 'style="rounded,filled", fillcolor="#ffe3c2"', "engine": 'style="rounded,filled", fillcolor="#d8ecd4"',
}


def dot_text(diagram: Diagram) -> str:
    """Returns the text of a directed graph: a node for each box, a subgraph for each cluster."""
    lines = [f"digraph {_quoted(diagram.title)} {{", '  node [shape=box, fontname="sans-serif", fontsize=10];', '  graph [fontname="sans-serif", fontsize=10];']
    lines += _boxes((key, box) for key, box in diagram.boxes.items() if not box.cluster)
    for number, (name, cluster) in enumerate(diagram.clusters.items()):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(cluster.label)};"]
        lines += (f"  {line}" for line in _boxes((key, box) for key, box in diagram.boxes.items() if box.cluster == name))
        lines.append("  }")
    lines += (f"  {_quoted(a)} -> {_quoted(b)};" for a, b in diagram.arrows)
    return "\n".join([*lines, "}"]) + "\n"


def _boxes(boxes: Iterable[tuple[str, Box]]) -> list[str]:
    return [f"  {_quoted(key)} [label={_quoted(box.label)}, tooltip={_quoted(box.tip or box.label)}, {_STYLES[box.kind]}];" for key, box in boxes]


def _quoted(text: str) -> str:
    """Returns text as a quoted identifier: the escapes that labels know are those of JSON for quotes, backslashes and newlines."""
    return json.dumps(text, ensure_ascii=False)
