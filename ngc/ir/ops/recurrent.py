"""Recurrent layers: plain ones, LSTM and GRU, in one direction or in both."""

from collections.abc import Callable, Sequence

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import FLOATS, TensorType, format_shape

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}
"""Modes and how many gates each has. They lie in the order i, f, g, o of an LSTM and r, z, n of a GRU, as in MXNet and cuDNN."""


def cell_count(mode: str) -> int:
    """Returns how many operands hold a cell's state: an LSTM's one."""
    return 1 if mode == "lstm" else 0


def _infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    mode, directions = attrs["mode"], 2 if attrs["bidirectional"] else 1
    states = 1 + cell_count(mode)
    x, w, r, b = types[:4]
    if len(types) not in (4 + states, 5 + states):
        raise VerifyError(f"recurrent: {mode} takes x, w, r, b, {'state and cell' if states == 2 else 'state'}, and lengths where there are any")
    if x.rank != 3 or r.rank != 2:
        raise VerifyError(f"recurrent: data (T, N, C) and recurrent weights (rows, H) are needed, not {format_shape(x.shape)} and {format_shape(r.shape)}")
    (steps, batch, channels), hidden = x.shape, r.shape[1]
    rows = hidden * (directions * GATES[mode])
    expected = {"w": (rows, channels), "r": (rows, hidden), "b": (2, rows)}
    for name, type in zip(expected, (w, r, b), strict=True):
        if type.shape != expected[name]:
            raise VerifyError(f"recurrent: {name} has the shape {format_shape(type.shape)}; {mode} of {hidden} units in {directions} "
                              f"direction{'s' * (directions > 1)} needs {format_shape(expected[name])}")
    for type in types[4:4 + states]:
        if type.shape not in ((directions, batch, hidden), (directions, 1, hidden)):
            raise VerifyError(f"recurrent: a state has the shape {format_shape(type.shape)}, not {format_shape((directions, batch, hidden))} or one row")
    if x.dtype not in FLOATS or any(type.dtype != x.dtype for type in types[:4 + states]):
        raise VerifyError(f"recurrent takes floats of one dtype, not {', '.join(type.dtype for type in types[:4 + states])}")
    if len(types) == 5 + states and (types[-1].shape != (batch,) or types[-1].dtype != "i32"):
        raise VerifyError(f"recurrent: lengths are i32 of the shape {format_shape((batch,))}, not {types[-1]}")
    if mode != "lstm" and not attrs["clip_min"] is attrs["clip_max"] is None:
        raise VerifyError(f"recurrent: clip_min and clip_max bound the cell of an LSTM, which {mode} does not have")
    state = x.with_shape((directions, batch, hidden))
    return (x.with_shape((steps, batch, directions * hidden)), *[state] * states)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + e**-x) without overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1))


Step = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(what the input gives (N, G*H), what the state gives (N, G*H), state, cell) -> the next state and cell."""


def _step(mode: str, attrs: Attrs) -> Step:
    def plain(given: np.ndarray, recurrent: np.ndarray, state: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = given + recurrent
        return np.tanh(total) if mode == "rnn_tanh" else np.maximum(total, 0), cell

    def lstm(given: np.ndarray, recurrent: np.ndarray, state: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        i, f, g, o = np.split(given + recurrent, 4, axis=1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        low, high = attrs["clip_min"], attrs["clip_max"]
        if low is not None or high is not None:
            cell = np.clip(cell, low, high)
        return sigmoid(o) * np.tanh(cell), cell

    def gru(given: np.ndarray, recurrent: np.ndarray, state: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (r, z, n), (reset, update, new) = np.split(given, 3, axis=1), np.split(recurrent, 3, axis=1)
        keep = sigmoid(z + update)
        return (1 - keep) * np.tanh(n + sigmoid(r + reset) * new) + keep * state, cell

    return {"lstm": lstm, "gru": gru}.get(mode, plain)


def _walk(given: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, states: Sequence[np.ndarray], lengths: np.ndarray, step: Step, backward: bool) \
        -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the states of all time steps (T, N, H), zero from a sequence's length on, the last state and the last cell of one direction."""
    state, cell = states
    results = np.zeros((*given.shape[:2], recurrent.shape[1]))
    for time in reversed(range(len(given))) if backward else range(len(given)):
        following = step(given[time], state @ recurrent.T + bias, state, cell)
        present = (time < lengths)[:, None]
        state, cell = (np.where(present, new, old) for new, old in zip(following, (state, cell), strict=True))
        results[time] = np.where(present, state, 0)
    return results, state, cell


def _evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    mode, directions = attrs["mode"], 2 if attrs["bidirectional"] else 1
    count = 1 + cell_count(mode)
    x, w, r, b, *states = (array.astype(np.float64) for array in arrays[:4 + count])
    steps, batch, hidden = *x.shape[:2], r.shape[1]
    lengths = arrays[4 + count] if len(arrays) > 4 + count else np.full(batch, steps)
    rows = GATES[mode] * hidden
    found = []
    for direction in range(directions):
        part = slice(direction * rows, (direction + 1) * rows)
        begin = [np.broadcast_to(state[direction], (batch, hidden)) for state in states]
        found.append(_walk(x @ w[part].T + b[0, part], r[part], b[1, part], (begin[0], begin[-1]), lengths, _step(mode, attrs), direction == 1))
    y, state, cell = zip(*found, strict=True)
    results = [np.concatenate(y, axis=2), np.stack(state), np.stack(cell)]
    return tuple(result.astype(arrays[0].dtype) for result in results[:1 + count])


OPS: tuple[OpDef, ...] = (
    OpDef("recurrent", ("x", "w", "r", "b", "state", "cell?", "lengths?"), _infer, _evaluate,
          {"mode": Attr("str", choices=tuple(GATES)), "bidirectional": Attr("bool", False), "clip_min": Attr("float", None), "clip_max": Attr("float", None)},
          doc="One recurrent layer over x (T, N, C): input weights w (D*G*H, C) and recurrent ones r (D*G*H, H) of D directions with G gates of H units, their "
              "biases b (2, D*G*H), the first state and an LSTM's cell (D, N, H), or one row for all; i32 lengths (N), past which a sequence's results are 0. "
              "Gives y (T, N, D*H), the last state and cell; lstm has the gates i, f, g, o, gru r, z, n with n = tanh(Wx + b + r*(Rh + b)). clip_min and "
              "clip_max bound the cell."),
)
