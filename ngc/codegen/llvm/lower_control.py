"""Lowers loops and conditionals: the calls of their regions between marks, and where the values that cross them lie.

    loop    What is carried lies in the buffer of the loop's result from before the first step to the end: the initial value is copied there, the body reads
            it there, and what the body carries to the next step is computed right there if all that reads the old value comes before, else copied there at
            the end of the step. A scanned operand's slice and a stacked result's row are windows, which move on with the steps.
    cond    Both regions compute their results in the buffers of the conditional's.

A region's inputs are its node's operands under other names, and cost nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ngc.codegen.llvm.calls import Call, Mark, Window, barrier_groups, buffer_size
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.expression import Cast, Const
from ngc.codegen.llvm.lower import Handler, Lowering, lower_nodes
from ngc.codegen.llvm.lower_moves import batch_of, copy_call, extents
from ngc.ir import Graph, Node, Value
from ngc.ir.graph import region_scope


@dataclass
class _Region:
    """A region while it is lowered; `claimed` are buffers of its own that became those of results."""

    lowering: Lowering
    node: Node
    graph: Graph
    role: str
    first: int = 0
    claimed: set[Value] = field(default_factory=set)

    def bind(self, inner: Value, operand: Value) -> None:
        """Lets an input of the region be an operand of the node."""
        if operand.is_const:
            self.lowering.stored[inner] = self.lowering.constant(operand)
        else:
            self.lowering.alias(inner, operand)

    def bind_row(self, inner: Value, operand: Value, loop: Mark) -> None:
        """Lets an input of the region be a slice of an operand of the node, another one in each step."""
        if operand.is_const:
            whole = Value(operand.name, operand.type)
            self.lowering.stored[whole] = self.lowering.constant(operand)
            operand = whole
        self.lowering.windows[inner] = Window(operand, loop)

    def lower(self) -> None:
        """Adds the calls of the region's nodes."""
        outer = self.lowering.scope
        self.first = len(self.lowering.calls)
        self.lowering.scope = region_scope(outer, self.node, self.role)
        lower_nodes(self.lowering, self.graph)
        self.lowering.scope = outer

    def mark(self, kind: str, predicate: Value) -> Mark:
        """Returns the mark that asks for a predicate."""
        reads = [] if predicate.is_const else [predicate]
        return Mark(kind, self.node, reads, [], predicate=self.lowering.argument(predicate), dtype=predicate.type.dtype)

    def own_buffer(self, value: Value) -> Value | None:
        """Returns the plain buffer that the region itself makes for a value, None where there is none that could lie elsewhere."""
        base = self.lowering.base(value)
        parts = (self.lowering.slices, self.lowering.windows, self.lowering.stored)
        made = base.producer is not None and base.producer in self.graph and not base.is_const
        movable = made and base not in self.claimed and not any(base in part for part in parts)
        return base if movable and base.type.layout.is_plain and buffer_size(base.type) == buffer_size(value.type) else None

    def claim(self, value: Value, target: Value) -> bool:
        """Lets a value that the region returns be computed where a result lies; says whether that is possible."""
        base = self.own_buffer(value)
        if base is None:
            return False
        self.claimed.add(base)
        self.lowering.alias(base, target)
        return True

    def claim_row(self, value: Value, stack: Value, loop: Mark) -> bool:
        """Lets a value that the region returns be computed in a row of a result; says whether that is possible."""
        base = self.own_buffer(value)
        if base is None:
            return False
        self.claimed.add(base)
        self.lowering.windows[base] = Window(stack, loop)
        return True

    def overwrites_too_early(self, value: Value, target: Value) -> bool:
        """Whether something in the region reads what lies in `target` when a value that would be computed there may be written already.

        A call may write over what it reads where its kernel allows that; calls with no barrier between them may run in any order.
        """
        lowering, base, target = self.lowering, self.lowering.base(value), self.lowering.root(target)
        last_read, read_at, written, written_at = -1, -1, -1, -1
        calls = lowering.calls[self.first:]
        groups = barrier_groups(calls)
        for index, (group, call) in enumerate(zip(groups, calls, strict=True)):
            if any(lowering.root(read) is target for read in (*call.reads, *(call.writes if isinstance(call, Mark) else ()))):
                last_read, read_at = group, index
            if written < 0 and any(lowering.root(made) is base for made in call.writes):
                written, written_at = group, index
        if last_read < written:
            return False
        if written < 0 or read_at != written_at:
            return True
        call = calls[read_at]
        once = sum(lowering.root(read) is target for read in call.reads) == 1
        alone = groups.count(last_read) == 1
        return not (isinstance(call, Call) and alone and once and any(lowering.root(read) is target for read in call.inplace))


def _loop(lowering: Lowering, node: Node) -> None:
    carried, scanned = node.attrs["carried"], node.attrs["scanned"]
    state, stacks = node.outputs[:carried], node.outputs[carried:]
    operands = [value for value in node.inputs[carried:] if not value.is_const]
    conditions = [_Region(lowering, node, graph, "condition") for graph in node.regions[1:]]
    setup = [copy_call(lowering, initial, result, node) for initial, result in zip(node.inputs, state, strict=False)]
    if conditions:  # the loop may leave rows out
        setup += [_zeros(stack, node) for stack in stacks]
    if setup:
        lowering.call(*setup)
    begin = Mark("loop", node, operands, list(node.outputs), steps=node.attrs["steps"])
    lowering.calls.append(begin)
    for condition in conditions:
        for inner, operand in zip(condition.graph.inputs, (*state, *node.inputs[carried + scanned:]), strict=True):
            condition.bind(inner, operand)
        condition.lower()
        lowering.calls.append(condition.mark("test", condition.graph.outputs[0]))
    body = _Region(lowering, node, node.regions[0], "body")
    inputs = body.graph.inputs
    for inner, result in zip(inputs, state, strict=False):
        lowering.alias(inner, result)
    for inner, operand in zip(inputs[carried:], node.inputs[carried:carried + scanned], strict=False):
        body.bind_row(inner, operand, begin)
    for inner, operand in zip(inputs[carried + scanned:], node.inputs[carried + scanned:], strict=True):
        body.bind(inner, operand)
    body.lower()
    _end_step(body, state, stacks, begin)
    lowering.calls.append(Mark("end", node, [*operands, *node.outputs], []))


def _end_step(body: _Region, state: Sequence[Value], stacks: Sequence[Value], loop: Mark) -> None:
    """Brings what the body returns to where the next step, or whoever reads the rows, looks for it.

    Copies that read what is carried come first, those of them that write what is carried through a buffer of their own: the old values may change places.
    """
    lowering, returned = body.lowering, body.graph.outputs
    following = dict(zip(state, returned, strict=False))
    rows = dict(zip(stacks, returned[len(state):], strict=True))
    waiting: dict[Value, Value] = {}
    for result, value in following.items():
        if lowering.base(value) is result:
            continue
        others = (other for target, other in (*following.items(), *rows.items()) if target is not result)
        old_is_returned = any(lowering.root(other) is lowering.root(result) for other in others)
        if old_is_returned or body.own_buffer(value) is None or body.overwrites_too_early(value, result) or not body.claim(value, result):
            waiting[result] = value
    early: list[Call] = []
    for stack, value in rows.items():
        if body.claim_row(value, stack, loop):
            continue
        row = Value(f"{stack.name}.row", value.type)
        lowering.windows[row] = Window(stack, loop)
        early.append(copy_call(lowering, value, row, body.node))
    late: list[Call] = []
    for result, value in waiting.items():
        source = value
        if not value.is_const and lowering.root(value) in [lowering.root(old) for old in state]:
            source = Value(f"{result.name}.next", value.type)
            early.append(copy_call(lowering, value, source, body.node))
        late.append(copy_call(lowering, source, result, body.node))
    for copies in (early, late):
        if copies:
            lowering.call(*copies)


def _zeros(result: Value, node: Node) -> Call:
    dtype = result.type.dtype
    spec = nests.elementwise(extents(result.type.shape), [], dtype, lambda: Cast(Const(0), dtype))
    return Call(spec, [result], [], [result], batch_of(result), node)


def _cond(lowering: Lowering, node: Node) -> None:
    captured = [value for value in node.inputs[1:] if not value.is_const]
    then, other = (_Region(lowering, node, graph, role) for graph, role in zip(node.regions, ("then", "else"), strict=True))
    begin = then.mark("if", node.inputs[0])
    begin.reads += captured
    begin.writes += node.outputs
    lowering.calls.append(begin)
    for region, mark in ((then, Mark("else", node, captured, [])), (other, Mark("end", node, [*captured, *node.outputs], []))):
        for inner, operand in zip(region.graph.inputs, node.inputs[1:], strict=True):
            region.bind(inner, operand)
        region.lower()
        copies = [copy_call(lowering, value, result, node) for value, result in zip(region.graph.outputs, node.outputs, strict=True)
                  if not region.claim(value, result)]
        if copies:
            lowering.call(*copies)
        lowering.calls.append(mark)


HANDLERS: Mapping[str, Handler] = {"loop": _loop, "cond": _cond}
