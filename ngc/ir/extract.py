"""Takes a part of a graph out as a graph of its own."""

from collections.abc import Sequence

from ngc.ir.graph import Graph, Node, Value


def extract(graph: Graph, nodes: Sequence[Node], inputs: Sequence[Value], outputs: Sequence[Value], name: str) -> Graph:
    """Returns a graph of copies of some nodes; the original stays as it is.

    Constants that the nodes read are copied too, their data shared. The values keep their names and calibrated ranges; inputs and outputs are known to
    callers by these names.

    Args:
        graph: holds the nodes.
        nodes: in the graph's order.
        inputs: what the nodes read and neither make themselves nor is constant.
        outputs: what the new graph returns.
        name: of the new graph.
    """
    part = Graph(name)
    part.stage, part.excluded = graph.stage, graph.excluded
    mapped: dict[Value, Value] = {value: part._add_input(value.name, value.type) for value in inputs}
    for node in nodes:
        for value in node.inputs:
            if value.is_const and value not in mapped and value.producer is not None:
                _copy(part, value.producer, mapped)
        _copy(part, node, mapped)
    part.outputs = tuple(mapped[value] for value in outputs)
    part.output_names = tuple(value.name for value in outputs)
    part.ranges = {value.name: graph.ranges[value.name] for value in mapped if value.name in graph.ranges}
    return part


def _copy(part: Graph, node: Node, mapped: dict[Value, Value]) -> None:
    twin = Node(node.op, tuple(mapped[value] for value in node.inputs), node.attrs, node.locs, node.weight, node.regions)
    twin.outputs = tuple(Value(part._fresh(value.name), value.type, twin, value.index) for value in node.outputs)
    part._append(twin)
    part._link(twin)
    mapped.update(zip(node.outputs, twin.outputs, strict=True))
