"""Recurrent layers in StableHLO: the product of all steps' inputs, then the steps one after another, unrolled. All is computed in f32."""

from collections.abc import Sequence

from ngc.codegen.stablehlo.text import HIGHEST, Body, Emitter, Tensor
from ngc.ir import Node
from ngc.ir.ops.recurrent import GATES, cell_count


def emit_recurrent(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits a recurrent layer."""
    count = 1 + cell_count(node.attrs["mode"])
    x, w, r, b, *states = (body.convert(operand, "f32") for operand in operands[:4 + count])
    lengths = operands[4 + count] if len(operands) > 4 + count else None
    directions = 2 if node.attrs["bidirectional"] else 1
    found = [_direction(body, node, direction, (x, w, r, b), states, lengths) for direction in range(directions)]
    results = [body.concatenate([direction[0] for direction in found], 2),
               *(body.concatenate([direction[1 + state] for direction in found], 0) for state in range(count))]
    return [body.convert(result, value.type.dtype) for result, value in zip(results, node.outputs, strict=True)]


def _product(body: Body, a: Tensor, b: Tensor) -> Tensor:
    """Returns a (rows, K) times the transpose of b (columns, K)."""
    dimensions = "dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>"
    return body.op("stablehlo.dot_general", (a, b), (a.shape[0], b.shape[0]), "f32", f"{dimensions}, {HIGHEST}")


def _bias(body: Body, b: Tensor, number: int, like: Tensor) -> Tensor:
    return body.broadcast_right(body.reshape(body.part(b, 0, number, number + 1), (b.shape[1],)), like.shape)


def _direction(body: Body, node: Node, direction: int, parameters: Sequence[Tensor], states: Sequence[Tensor], lengths: Tensor | None) -> list[Tensor]:
    """Returns the results of all steps (T, N, H), the last state and cell (1, N, H) of one direction."""
    mode, (x, w, r, b) = node.attrs["mode"], parameters
    (steps, batch, channels), hidden = x.shape, r.shape[1]
    rows = GATES[mode] * hidden
    w, r = (body.part(tensor, 0, direction * rows, (direction + 1) * rows) for tensor in (w, r))
    b = body.part(b, 1, direction * rows, (direction + 1) * rows)
    sums = _product(body, body.reshape(x, (steps * batch, channels)), w)
    given = body.add(sums, _bias(body, b, 0, sums))
    current = [body.broadcast_right(body.reshape(body.part(state, 0, direction, direction + 1), state.shape[1:]), (batch, hidden)) for state in states]
    results = [current[0]] * steps
    for time in range(steps) if direction == 0 else reversed(range(steps)):
        recurrent = _product(body, current[0], r)
        recurrent = body.add(recurrent, _bias(body, b, 1, recurrent))
        following = _step(body, node, body.part(given, 0, time * batch, (time + 1) * batch), recurrent, current)
        shown = following[0]
        if lengths is not None:
            present = body.broadcast(body.compare(lengths, "GT", time), (batch, hidden), [0])
            shown = body.select(present, shown, 0.0)
            following = [body.select(present, new, old) for new, old in zip(following, current, strict=True)]
        results[time], current = body.reshape(shown, (1, batch, hidden)), following
    return [body.concatenate(results, 0), *(body.reshape(state, (1, batch, hidden)) for state in current)]


def _step(body: Body, node: Node, given: Tensor, recurrent: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
    """Returns the next state, and cell, of one step; `ngc.ir.ops.recurrent` has the formulas."""
    mode, hidden = node.attrs["mode"], states[0].shape[1]

    def gate(tensor: Tensor, number: int) -> Tensor:
        return body.part(tensor, 1, number * hidden, (number + 1) * hidden)

    def sigmoid(x: Tensor) -> Tensor:
        return body.map("logistic", x)

    if mode == "gru":
        reset, keep = (sigmoid(body.add(gate(given, number), gate(recurrent, number))) for number in (0, 1))
        new = body.map("tanh", body.add(gate(given, 2), body.multiply(reset, gate(recurrent, 2))))
        return [body.add(new, body.multiply(keep, body.subtract(states[0], new)))]
    total = body.add(given, recurrent)
    if mode != "lstm":
        return [body.map("tanh", total) if mode == "rnn_tanh" else body.maximum(total, 0.0)]
    enter, forget, out = (sigmoid(gate(total, number)) for number in (0, 1, 3))
    cell = body.add(body.multiply(forget, states[1]), body.multiply(enter, body.map("tanh", gate(total, 2))))
    if node.attrs["clip_min"] is not None:
        cell = body.maximum(cell, node.attrs["clip_min"])
    if node.attrs["clip_max"] is not None:
        cell = body.minimum(cell, node.attrs["clip_max"])
    return [body.multiply(out, body.map("tanh", cell)), cell]


EMITTERS: dict[str, Emitter] = {"recurrent": emit_recurrent}
