"""Makes nodes simpler: leaves them out, or takes their steps and attributes away."""

from collections.abc import Iterator
from itertools import accumulate

from ngc.ir import Node
from ngc.ir.opdef import REQUIRED
from ngc.opt.reduce.case import Candidate, Case, chunks, counted
from ngc.opt.reduce.edit import Edit, Operands


def bypass(case: Case) -> Iterator[Candidate]:
    """Lets readers of a node read an operand of the same type: its first such operand, or its last."""
    for last in (False, True):
        pairs = [pair for node in case.graph.nodes if (pair := _replaceable(node, last)) is not None]
        for (size, start), part in chunks(pairs):
            yield Candidate((last, size, start), f"without {counted([name for name, _ in part], 'nodes')}", Edit(same=dict(part)))


def merge_inputs(case: Case) -> Iterator[Candidate]:
    """Reads an earlier input of the same type in an input's place."""
    inputs = case.graph.inputs
    for index, value in enumerate(inputs):
        first = next(other for other in inputs if other.type == value.type)
        if first is not value:
            yield Candidate((index,), f"without the input %{value.name}", Edit(same={value.name: first.name}))


def steps(case: Case) -> Iterator[Candidate]:
    """Takes single steps out of epilogues and prologues."""
    for index, node in enumerate(case.graph.nodes):
        end = len(node.inputs)
        for name in ("epilogue", "prologue"):
            listed = node.attrs.get(name, ())
            begin = end - sum(step.operands for step in listed)
            starts = accumulate((step.operands for step in listed), initial=begin)
            for position, (step, start) in enumerate(zip(listed, starts, strict=False)):
                kept = (*node.inputs[:start], *node.inputs[start + step.operands:])
                attrs = {**node.attrs, name: (*listed[:position], *listed[position + 1:])}
                yield Candidate((index, name == "prologue", position), f"without {step.kind} of %{node.name}",
                                Edit(nodes={node.name: Operands(tuple(value.name for value in kept), attrs)}))
            end = begin


def attributes(case: Case) -> Iterator[Candidate]:
    """Gives attributes their default values, all of a node at once, then each."""
    for index, node in enumerate(case.graph.nodes):
        schema = node.definition.attrs
        changed = {name: schema[name].default for name, value in node.attrs.items()
                   if schema[name].default is not REQUIRED and schema[name].kind != "steps" and value != schema[name].default}
        groups = [changed, *({name: value} for name, value in changed.items())] if len(changed) > 1 else [changed] if changed else []
        for position, defaults in enumerate(groups):
            operands = Operands(tuple(value.name for value in node.inputs), {**node.attrs, **defaults})
            yield Candidate((index, position), f"with defaults for {', '.join(defaults)} of %{node.name}", Edit(nodes={node.name: operands}))


def _replaceable(node: Node, last: bool) -> tuple[str, str] | None:
    """Returns a node's result and the operand that can be read in its place."""
    if len(node.outputs) != 1:
        return None
    fitting = [value for value in node.inputs if value.type == node.type]
    return (node.name, fitting[-1 if last else 0].name) if fitting else None
