"""Rules about loops and conditionals: what a region does not look at is not given to it, and what runs once is no loop.

    loop(s, x, c){f}, f without c  =  loop(s, x){f}          so for x, and for cond
    loop(s, x){f}, y never read  =  loop(s, x){f without y}   y a result that is stacked
    loop{steps=1}(s, x, c){f}  =  f(s, x[0], c)               stacked results with a first dimension of 1

    loop(s, x, c){f(g(c), ...)}  =  loop(s, x, g(c)){f}       g reads nothing that changes from step to step
    loop(s, x){f(dense(x, w), ...)}  =  loop(s, dense(x, w)){f}      all rows at once: one product of matrices instead of many small ones

Refuses to take apart loops that have a condition: they may not take their only step, nor any that needs what would be computed before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ngc.ir import Graph, Node, Value
from ngc.ir.extract import fed, specialize
from ngc.ir.rewrite import Match, Rewriter, Rule
from ngc.ir.steps import STEPS

CONTROL = frozenset({"loop", "cond"})


def region_inputs(node: Node) -> tuple[Mapping[int, int], ...]:
    """Returns for each region of a loop or conditional which of its inputs each operand of the node is, by position."""
    if node.op == "cond":
        inner = {operand: operand - 1 for operand in range(1, len(node.inputs))}
        return inner, inner
    carried, scanned = node.attrs["carried"], node.attrs["scanned"]
    everything = {operand: operand for operand in range(len(node.inputs))}
    unscanned = {operand: operand - (scanned if operand >= carried else 0) for operand in everything if not carried <= operand < carried + scanned}
    return (everything, unscanned)[:len(node.regions)]


def without_operands(node: Node, constants: Mapping[int, Node], dropped: Sequence[int], rewriter: Rewriter) -> None:
    """Takes operands from a loop or conditional: those that are constant are so in its regions, nothing reads the others."""
    gone = {*constants, *dropped}
    regions = []
    for region, inputs in zip(node.regions, region_inputs(node), strict=True):
        held = {inputs[operand]: constant for operand, constant in constants.items() if operand in inputs}
        regions.append(specialize(region, held, [inputs[operand] for operand in dropped if operand in inputs]))
    attrs = dict(node.attrs)
    if node.op == "loop":
        first = attrs["carried"]
        attrs["scanned"] -= sum(first <= operand < first + attrs["scanned"] for operand in gone)
    former = [node.inputs[operand].producer for operand in sorted(gone)]
    kept = [value for operand, value in enumerate(node.inputs) if operand not in gone]
    rewriter.update(node, node.op, kept, attrs, regions=tuple(regions))
    for producer in former:
        if producer is not None:
            rewriter.erase_dead(producer)


def _is_read(region: Graph, position: int) -> bool:
    value = region.inputs[position]
    return bool(value.uses) or region.is_output(value)


class UnreadOperand(Rule):
    """Operands that no region looks at."""

    equation = "loop(s, x, c){f}, f without c = loop(s, x){f}"
    roots = CONTROL

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `dropped`, the operands' positions; carried values are results too and stay."""
        places = region_inputs(node)
        first = node.attrs["carried"] if node.op == "loop" else 1
        dropped = [operand for operand in range(first, len(node.inputs)) if not any(
            operand in inputs and _is_read(region, inputs[operand]) for region, inputs in zip(node.regions, places, strict=True))]
        return {"root": node, "dropped": dropped} if dropped else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Takes the operands from the node and its regions."""
        without_operands(match["root"], {}, match["dropped"], rewriter)


class UnreadRows(Rule):
    """Stacked results of a loop that nothing reads."""

    equation = "loop(s, x){f}, y never read = loop(s, x){f without y}"
    roots = frozenset({"loop"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `kept`, the positions of the other results; a loop none of whose results is read is dead code."""
        read = [bool(value.uses) or graph.is_output(value) for value in node.outputs]
        kept = [position for position in range(len(node.outputs)) if position < node.attrs["carried"] or read[position]]
        return {"root": node, "kept": kept} if any(read) and len(kept) < len(node.outputs) else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts a loop in the node's place whose body does not return them."""
        node, kept = match["root"], match["kept"]
        body = specialize(node.regions[0], {}, outputs=kept)
        fresh = rewriter.insert("loop", node.inputs, node.attrs, before=node, locs=node.locs, name=node.name, regions=(body, *node.regions[1:]))
        _replace(node, dict(zip(kept, fresh.outputs, strict=True)), rewriter)


class SingleStep(Rule):
    """A loop that takes one step."""

    equation = "loop{steps=1}(s, x, c){f} = f(s, x[0], c)"
    roots = frozenset({"loop"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches loops of one step."""
        return {"root": node} if node.attrs["steps"] == 1 else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses loops with a condition."""
        return "its condition says whether it takes its only step" if len(match["root"].regions) > 1 else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the body in the loop's place."""
        node = match["root"]
        carried, scanned = node.attrs["carried"], node.attrs["scanned"]
        operands = list(node.inputs)
        for position in range(carried, carried + scanned):
            value = operands[position]
            operands[position] = _reshaped(value, value.type.shape[1:], node, rewriter)
        results = rewriter.inline(node.regions[0], operands, before=node)
        stacked = [_reshaped(value, (1, *value.type.shape), node, rewriter) for value in results[carried:]]
        _replace(node, dict(enumerate([*results[:carried], *stacked])), rewriter)


def _reshaped(value: Value, shape: tuple[Any, ...], node: Node, rewriter: Rewriter) -> Value:
    return rewriter.insert("reshape", [value], {"shape": shape}, before=node, locs=node.locs, name=f"{value.name}_row").output


def _replace(node: Node, found: Mapping[int, Value], rewriter: Rewriter) -> None:
    """Lets readers of a node's results read other values, which take over the names."""
    names = {position: node.outputs[position].name for position in found}
    for position, value in found.items():
        rewriter.replace_uses(node.outputs[position], value)
    rewriter.erase_dead(node)
    for position, value in found.items():
        if value.producer is not None and value.producer.op != "const":
            rewriter.rename(value, names[position])


class _Hoist(Rule):
    """Nodes of a loop's body whose operands are there before the loop; all of a body at once, for each rewrite copies what is left of it."""

    roots = frozenset({"loop"})

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses loops with a condition."""
        return f"its condition may end it before a step that needs %{match['inner'][0].name}" if len(match["root"].regions) > 1 else None


class HoistInvariant(_Hoist):
    """What every step would compute alike is computed once, and captured."""

    equation = "loop(s, x, c){f(g(c), ...)} = loop(s, x, g(c)){f}"

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `inner`, the nodes that read captured values, constants and one another only."""
        body = node.regions[0]
        captured = set(body.inputs[node.attrs["carried"] + node.attrs["scanned"]:])
        inner = []
        for candidate in body.nodes:
            if captured & set(candidate.inputs) and not candidate.regions and all(value in captured or value.is_const for value in candidate.inputs):
                inner.append(candidate)
                captured.update(candidate.outputs)
        return {"root": node, "inner": inner} if inner else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Places the nodes before the loop."""
        _hoist(match["root"], match["inner"], len(match["root"].inputs), 0, rewriter)


class HoistRows(_Hoist):
    """A dense layer of the slices that a loop scans is one of all of them."""

    equation = "loop(s, x){f(dense(x, w), ...)} = loop(s, dense(x, w)){f}"

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `inner`, dense layers of slices with constant parameters; steps that read whole tensors would read those of one row."""
        body, carried = node.regions[0], node.attrs["carried"]
        rows = set(body.inputs[carried:carried + node.attrs["scanned"]])
        inner = []
        for candidate in body.nodes:
            steps = (kind for step in candidate.attrs.get("epilogue", ()) for kind in (*STEPS[step.kind].operands, step.kind))
            layer = candidate.has_trait("dense") and candidate.inputs[0] in rows and all(value.is_const for value in candidate.inputs[1:])
            if layer and not {"tensor", "tee"} & {*steps}:
                inner.append(candidate)
                rows.update(candidate.outputs)
        return {"root": node, "inner": inner} if inner else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Places the layers before the loop, which scans their rows."""
        _hoist(match["root"], match["inner"], match["root"].attrs["carried"] + match["root"].attrs["scanned"], 1, rewriter)


def _hoist(loop: Node, inner: Sequence[Node], position: int, scanned: int, rewriter: Rewriter) -> None:
    """Places nodes of a loop's body before the loop; what the rest of it reads of them are operands from `position` on, each `scanned` times scanned."""
    body, moved = loop.regions[0], set(inner)
    outer = dict(zip(body.inputs, loop.inputs, strict=True))
    for node in inner:
        for value in node.inputs:
            if value not in outer and value.producer is not None:
                rewriter.copy(value.producer, outer, before=loop)
        before = rewriter.insert(node.op, [outer[value] for value in node.inputs], node.attrs, before=loop, locs=node.locs, name=node.name)
        outer.update(zip(node.outputs, before.outputs, strict=True))
    read = [value for node in inner for value in node.outputs if body.is_output(value) or any(use.node not in moved for use in value.uses)]
    operands = [*loop.inputs[:position], *(outer[value] for value in read), *loop.inputs[position:]]
    attrs = {**loop.attrs, "scanned": loop.attrs["scanned"] + scanned * len(read)}
    rewriter.update(loop, "loop", operands, attrs, regions=(fed(body, moved, read, position),))


RULES = (UnreadOperand, UnreadRows, SingleStep, HoistInvariant, HoistRows)
