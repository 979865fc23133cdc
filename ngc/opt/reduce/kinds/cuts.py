"""Cuts a graph: returns fewer or earlier values, and feeds values from outside instead of computing them."""

from collections.abc import Iterator

from ngc.ir import Node, Value
from ngc.opt.reduce.case import Candidate, Case, chunks, counted, fractions
from ngc.opt.reduce.edit import Edit


def drop_outputs(case: Case) -> Iterator[Candidate]:
    """Leaves out outputs, at least one stays."""
    outputs = list(zip((value.name for value in case.graph.outputs), case.graph.output_names, strict=True))
    if len(outputs) < 2:
        return
    for key, part in chunks(outputs):
        kept = tuple(output for output in outputs if output not in part)
        if kept:
            yield Candidate(key, f"not returning {counted([name for name, _ in part], 'values')}", Edit(outputs=kept))


def cut_outputs(case: Case) -> Iterator[Candidate]:
    """Returns one inner value instead of the outputs: at fractions of the graph first, then each."""
    nodes = _nodes(case)
    for index in fractions(len(nodes)):
        yield _returning((0, index), nodes[index - 1].output)
    for index, node in enumerate(nodes):
        for value in node.outputs:
            if len(case.graph.outputs) > 1 or not case.graph.is_output(value):
                yield _returning((1, index, value.index), value)


def cut_inputs(case: Case) -> Iterator[Candidate]:
    """Feeds all values that cross a place in the graph's order, the last places first; then each value."""
    nodes = _nodes(case)
    for index in reversed(fractions(len(nodes))):
        before = set(nodes[:index])
        crossing = frozenset(value.name for node in before for value in node.outputs
                             if case.graph.is_output(value) or any(user not in before for user in value.users))
        yield Candidate((0, -index), f"feeding {counted(sorted(crossing), 'values')}", Edit(fed=crossing))
    for index, node in enumerate(reversed(nodes)):
        for value in node.outputs:
            if not case.graph.is_output(value):
                yield Candidate((1, index, value.index), f"feeding %{value.name}", Edit(fed=frozenset({value.name})))


def _nodes(case: Case) -> list[Node]:
    return [node for node in case.graph.nodes if node.op != "const"]


def _returning(key: tuple[int, ...], value: Value) -> Candidate:
    return Candidate(key, f"returning %{value.name}", Edit(outputs=((value.name, value.name),)))
