"""Recurrent layers."""

from bench.differential.case import Case
from bench.differential.maker import Maker, outputs
from bench.differential.strategies.strategy import Strategy

_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "gru": 3, "lstm": 4}


def _rnn(make: Maker, op: str) -> Case:
    mode = make.pick(*_GATES)
    steps, batch, channels, hidden = make.pick(1, 2, 5), make.pick(1, 2, 3), make.pick(1, 3, 8), make.pick(1, 2, 5, 8)
    layers, directions = make.pick(1, 1, 2, 3), make.pick(1, 2)
    rows = _GATES[mode] * hidden
    count = sum(directions * rows * ((channels if layer == 0 else directions * hidden) + hidden + 2) for layer in range(layers))
    inputs = [make.input("data", (steps, batch, channels), batched=False), make.input("parameters", (count,), low=-0.5, high=0.5, param=True)]
    states = ["state", "state_cell"] if mode == "lstm" else ["state"]
    inputs += [make.input(name, (layers * directions, batch, hidden), low=-1.0, high=1.0, param=make.chance(), batched=False) for name in states]
    every = make.chance()
    call = make.call(op, *inputs, mode=mode, state_size=hidden, num_layers=layers, bidirectional=True if directions == 2 else make.pick(None, False),
                     state_outputs=True if every else None, p=make.pick(None, 0.5))
    # Errors of the state are passed on from step to step, and grow where nothing bounds it.
    growth = 4.0 if mode == "rnn_relu" else 1.0
    terms = (max(channels, directions * hidden) + hidden) * steps * layers
    return make.case(*outputs(call, 1 + len(states) if every else 1), units=8, terms=terms, magnitude=4.0 * growth ** min(layers, 2) * max(hidden, channels))


def _param_concat(make: Maker, op: str) -> Case:
    parts = [make.input(f"arg{index}", (make.size(),), param=make.chance(), batched=False) for index in range(make.integer(1, 4))]
    return make.case(make.call(op, *parts, dim=0, num_args=len(parts)))


STRATEGIES: dict[str, Strategy] = {"RNN": _rnn, "_rnn_param_concat": _param_concat}
