"""What is drawn of a symbol: operators with their most telling attributes, inputs, and the subgraphs of engine nodes as clusters."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ngc.importer.operator_names import ENGINE_OPERATORS, LABEL_OPERATORS, parameter_inputs
from ngc.importer.subgraphs import IMAGE_PARAMETER, subgraph_of
from ngc.importer.symbol import Entry, SymbolGraph, SymbolNode
from ngc.visualize.diagram import Box, Cluster, Diagram

_TITLES = {"neuron": "Neuron", "tensorrt": "TensorRT"}

_TELLING = {"num_filter": "{}", "num_hidden": "{}", "kernel": "{}", "stride": "/{}", "dilate": "dilate {}", "act_type": "{}", "pool_type": "{}",
            "axis": "axis {}", "dim": "axis {}", "scalar": "{}"}
"""Attributes that are worth room in a box, and how they are written there."""

_LONGEST = 32
"""Characters of them."""

_USUAL = ("1", "1x1", "1x1x1", "")
"""Kernels, strides and dilations that go without saying."""


def symbol_diagram(symbol: SymbolGraph, title: str = "", *, expand: bool = True, hide_weights: bool = True,
                   labels: Mapping[tuple[str, int], str] | None = None) -> Diagram:
    """Returns the picture of a symbol.

    Args:
        symbol: divided or not.
        title: of the picture.
        expand: draw what engine nodes hold, in a frame for each; otherwise each is one box.
        hide_weights: leave parameters out.
        labels: what is written on the arrows from an operator or variable, by its name and the number of its output.
    """
    return _Drawer(symbol, expand, hide_weights, labels or {}).draw(title or symbol.source)


class _Origin(NamedTuple):
    """Where an entry comes from: the key of a box, and what is written on the arrows from there."""

    box: int
    label: str


class _Drawer:
    """Walks a symbol; `origins` maps entries to what they come from. Names may be alike, so the keys of boxes are numbers."""

    def __init__(self, symbol: SymbolGraph, expand: bool, hide_weights: bool, labels: Mapping[tuple[str, int], str]) -> None:
        self.symbol, self.expand, self.hide_weights, self.labels = symbol, expand, hide_weights, labels
        self.divided = any(node.op in ENGINE_OPERATORS for node in symbol.nodes)
        self.boxes: dict[int, Box] = {}
        self.arrows: list[tuple[int, int]] = []
        self.clusters: dict[str, Cluster] = {}
        self.written: dict[tuple[_Origin, str], int] = {}

    def draw(self, title: str) -> Diagram:
        origins: dict[Entry, _Origin] = {}
        results = _results(self.symbol)
        hidden = _parameters(self.symbol) if self.hide_weights else frozenset()
        for position in self.symbol.reachable():
            node = self.symbol.nodes[position]
            if node.op in ENGINE_OPERATORS and self.expand:
                self.region(position, node, origins)
            elif not (node.is_variable and node.name in hidden):
                kind = "input" if node.is_variable else "engine" if node.op in ENGINE_OPERATORS else "outside" if self.divided else "operator"
                self.node(node, kind, "", results.get(position, ()), origins)
        for number, head in enumerate(self.symbol.heads):
            self.add(Box(f"output {number}" if len(self.symbol.heads) > 1 else "output", "output"), [origins[head]])
        return Diagram(title, self.boxes, tuple(dict.fromkeys(self.arrows)), self.clusters)

    def region(self, position: int, node: SymbolNode, origins: dict[Entry, _Origin]) -> None:
        inner, cluster = subgraph_of(node, self.symbol.source), f"cluster {len(self.clusters)}"
        inside = {Entry(variable, 0): origins[entry] for variable, entry in zip(node.fed_variables, node.inputs, strict=False) if entry in origins}
        results = _results(inner)
        count = sum(not inner.nodes[number].is_variable for number in inner.reachable())
        self.clusters[cluster] = Cluster(f"{_TITLES[ENGINE_OPERATORS[node.op]]}: {node.name}", f"{node.name}: {count} operators")
        for number in inner.reachable():
            part = inner.nodes[number]
            if not part.is_variable:
                self.node(part, "operator", cluster, results.get(number, ()), inside)
        origins.update({Entry(position, output): inside[head] for output, head in enumerate(inner.heads)})

    def node(self, node: SymbolNode, kind: str, cluster: str, results: Iterable[Entry], origins: dict[Entry, _Origin]) -> None:
        box = Box(node.name if node.is_variable else _label(node), kind, f"{node.name} ({node.op})", cluster)
        key = self.add(box, [origins[entry] for entry in node.inputs if entry in origins])
        origins.update({entry: _Origin(key, self.labels.get((node.name, entry.output), "")) for entry in results})

    def add(self, box: Box, origins: Iterable[_Origin]) -> int:
        starts = [self.start(origin, box.cluster) for origin in origins]
        key = len(self.boxes)
        self.boxes[key] = box
        self.arrows += [(start, key) for start in starts]
        return key

    def start(self, origin: _Origin, cluster: str) -> int:
        """Returns where an arrow into a cluster starts: at the label that stands on the arrows to there, or where there is none, at the box."""
        if not origin.label:
            return origin.box
        cluster = cluster if self.boxes[origin.box].cluster == cluster else ""
        if (origin, cluster) not in self.written:
            self.written[origin, cluster] = self.add(Box(origin.label, "label", cluster=cluster), [_Origin(origin.box, "")])
        return self.written[origin, cluster]


def _label(node: SymbolNode) -> str:
    telling = []
    for name, form in _TELLING.items():
        text = node.attrs.get(name, "")
        if text.startswith("("):
            text = "x".join(part.strip() for part in text.strip("()").split(",") if part.strip())
        if text and not (name in ("kernel", "stride", "dilate") and text in _USUAL):
            telling.append(form.format(text))
    return "\n".join([node.op.removeprefix("_contrib_"), *([", ".join(telling)[:_LONGEST]] if telling else [])])


def _results(symbol: SymbolGraph) -> dict[int, set[Entry]]:
    """Returns, by node, its outputs that somebody reads."""
    results: dict[int, set[Entry]] = {}
    for entry in (*symbol.heads, *(entry for node in symbol.nodes for entry in node.inputs)):
        results.setdefault(entry.node, set()).add(entry)
    return results


def _parameters(symbol: SymbolGraph) -> frozenset[str]:
    """Returns the variables that hold parameters, states, labels or compiled engines."""
    found = set(symbol.auxiliary_states)
    for node in symbol.nodes:
        slots = [*parameter_inputs(node.op, node.attrs), *([1] if node.op in LABEL_OPERATORS else [])]
        found |= {symbol.nodes[node.inputs[slot].node].name for slot in slots if slot < len(node.inputs)}
        if node.op in ENGINE_OPERATORS:
            found |= _parameters(subgraph_of(node, symbol.source)) | {node.name + IMAGE_PARAMETER}
    return frozenset(found)
