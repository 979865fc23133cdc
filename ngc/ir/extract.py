"""Makes graphs of their own of what is in a graph: a part of it, or all of it with fewer inputs or outputs."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ngc.ir.graph import Graph, Node, Value, append_copy


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
                append_copy(part, value.producer, mapped)
        append_copy(part, node, mapped)
    part.outputs = tuple(mapped[value] for value in outputs)
    part.output_names = tuple(value.name for value in outputs)
    part.ranges = {value.name: graph.ranges[value.name] for value in mapped if value.name in graph.ranges}
    return part


def specialize(region: Graph, constants: Mapping[int, Node], dropped: Collection[int] = (), outputs: Sequence[int] | None = None) -> Graph:
    """Returns a copy of a graph with fewer inputs or outputs; the original stays as it is.

    Args:
        region: the graph.
        constants: nodes of any graph that hold what some inputs always are, by the inputs' positions.
        dropped: positions of inputs that nothing reads.
        outputs: positions of the outputs that it still returns; all unless given.
    """
    part, mapped = _begin(region), dict[Value, Value]()
    for position, (value, public) in enumerate(zip(region.inputs, region.input_names, strict=True)):
        if position in constants:
            append_copy(part, constants[position], mapped)
            mapped[value] = mapped[constants[position].output]
        elif position not in dropped:
            mapped[value] = part._add_input(value.name, value.type, public)
    return _complete(part, region, region.nodes, mapped, range(len(region.outputs)) if outputs is None else outputs)


def fed(region: Graph, nodes: Collection[Node], values: Sequence[Value], position: int) -> Graph:
    """Returns a copy of a graph without some of its nodes; the original stays as it is.

    Args:
        region: the graph.
        nodes: those that are left out.
        values: results of theirs, which the copy is given as further inputs: all that the other nodes read and the graph returns.
        position: of the first of these among the inputs.
    """
    part, mapped = _begin(region), dict[Value, Value]()
    inputs = list(zip(region.inputs, region.input_names, strict=True))
    for value, public in (*inputs[:position], *((value, None) for value in values), *inputs[position:]):
        name, number = value.name, 1
        while public is None and name in region.input_names:
            name, number = f"{value.name}_{number}", number + 1
        mapped[value] = part._add_input(value.name, value.type, public or name)
    return _complete(part, region, [node for node in region.nodes if node not in nodes], mapped, range(len(region.outputs)))


def _begin(region: Graph) -> Graph:
    part = Graph(region.name)
    part.stage, part.excluded = region.stage, region.excluded
    part.events.events.extend(region.events)
    return part


def _complete(part: Graph, region: Graph, nodes: Iterable[Node], mapped: dict[Value, Value], outputs: Iterable[int]) -> Graph:
    """Adds copies of nodes to a graph whose inputs are there, and returns it with some of the outputs of the graph that they come from."""
    for node in nodes:
        append_copy(part, node, mapped)
    kept = tuple(outputs)
    part.outputs = tuple(mapped[region.outputs[position]] for position in kept)
    part.output_names = tuple(region.output_names[position] for position in kept)
    present = {value.name for value in part.values()}
    part.ranges = {name: found for name, found in region.ranges.items() if name in present}
    return part
