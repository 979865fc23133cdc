"""Recurrent layers in ONNX, whose gates lie in another order: i, o, f, c of an LSTM and z, r, h of a GRU."""

from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor, static_shape
from ngc.ir import Node, SymDim, Value
from ngc.ir.ops.recurrent import GATES, cell_count

_KINDS = {"rnn_relu": "RNN", "rnn_tanh": "RNN", "lstm": "LSTM", "gru": "GRU"}
_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""Where each of ONNX's gates stands in the IR."""


def _recurrent(writer: OnnxWriter, node: Node) -> list[Tensor]:
    mode, directions = node.attrs["mode"], 2 if node.attrs["bidirectional"] else 1
    x, w, r, b, *rest = node.inputs
    states, lengths = rest[:1 + cell_count(mode)], rest[1 + cell_count(mode):]
    dtype = "f32"  # engines have no others on every device
    hidden, gates = static_shape(r.type.shape)[1], GATES[mode]
    data = writer.operand(x, dtype)
    parts = [_gates(writer, value, (directions, gates, hidden, static_shape(value.type.shape)[1]), mode, dtype, 1) for value in (w, r)]
    weights = [writer.reshape(part, (directions, gates * hidden, width)) for part, width in zip(parts, (static_shape(w.type.shape)[1], hidden), strict=True)]
    bias = writer.apply("Transpose", _gates(writer, b, (2, directions, gates, hidden), mode, dtype, 2), perm=[1, 0, 2, 3])
    begins = [_state(writer, value, node, data, dtype) for value in states]
    counts = [_bounded(writer, lengths[0], data)] if lengths else [None]
    more = {"activations": ["Relu" if mode == "rnn_relu" else "Tanh"] * directions} if gates == 1 else {"linear_before_reset": 1} if mode == "gru" else {}
    y, *last = writer.apply_many(_KINDS[mode], data, *weights, writer.reshape(bias, (directions, 2 * gates * hidden)),
                                 *counts, *begins, dtypes=[dtype] * (1 + len(states)), hidden_size=hidden,
                                 direction="bidirectional" if directions == 2 else "forward", **more)
    steps = y if directions == 1 else writer.apply("Transpose", y, perm=[0, 2, 1, 3])
    if lengths:
        absent = writer.reshape(writer.apply("LessOrEqual", writer.operand(lengths[0]), writer.number(0, "i32"), dtype="bool"), (1, -1, 1))
        last = [writer.apply("Where", absent, begin, end, dtype=dtype) for begin, end in zip(begins, last, strict=True)]
    return [writer.reshape(steps, static_shape(node.type.shape)), *last]


def _bounded(writer: OnnxWriter, lengths: Value, data: Tensor) -> Tensor:
    """Returns lengths between 0 and the number of steps: others are no error in the IR, and ONNX Runtime refuses them."""
    steps = writer.cast(writer.apply("Shape", data, dtype="i64", start=0, end=1), "i32")
    return writer.apply("Max", writer.apply("Min", writer.operand(lengths), steps), writer.number(0, "i32"))


def _gates(writer: OnnxWriter, value: Value, shape: tuple[int, ...], mode: str, dtype: str, axis: int) -> Tensor:
    """Returns weights or biases under a shape whose given axis are the gates, these in ONNX's order."""
    tensor = writer.arranged(value, shape, dtype)
    return writer.apply("Gather", tensor, writer.integers(_ORDER[mode]), axis=axis) if mode in _ORDER else tensor


def _state(writer: OnnxWriter, value: Value, node: Node, data: Tensor, dtype: str) -> Tensor:
    """Returns a first state with a row for each sequence."""
    state, batch = writer.operand(value, dtype), node.type.shape[1]
    if value.type.shape[1] == batch:
        return state
    directions, _, hidden = static_shape(value.type.shape)
    if isinstance(batch, SymDim):
        rows = writer.apply("Shape", data, dtype="i64", start=1, end=2)
        return writer.apply("Expand", state, writer.apply("Concat", writer.integers((directions,)), rows, writer.integers((hidden,)), axis=0))
    return writer.apply("Expand", state, writer.integers((directions, batch, hidden)))


HANDLERS: dict[str, Handler] = {"recurrent": _recurrent}
