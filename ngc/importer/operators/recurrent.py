"""Recurrent layers: `RNN`, whose parameters are one vector, and the operator that Gluon joins that vector with.

    parameters   for each layer, for each direction: weights of the input (G*H, C), of the state (G*H, H); after all weights the biases in the same order
    data         (T, N, C) of the first layer, (T, N, D*H) of the others
    states       (L*D, N, H), layer by layer, in each the directions
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ngc.importer.attributes import IGNORED, Attributes, Field, enum
from ngc.importer.constant_values import constant_value
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.source_bytes import Array
from ngc.ir import Value
from ngc.ir.ops.recurrent import GATES, cell_count
from ngc.ir.tensor_type import FLOATS, format_shape

logger = logging.getLogger(__name__)


def _param_concat(conversion: Conversion) -> list[Value]:
    """Joins parameters, which are constants, here and now."""
    axis = conversion.axis(conversion.attrs["dim"])
    parts = [constant_value(value) for value in conversion.inputs]
    if any(part is None for part in parts):
        return [conversion.op("concat", *conversion.inputs, axis=axis)]
    try:
        joined = np.concatenate([part for part in parts if part is not None], axis)
    except ValueError as error:
        raise conversion.fail(f"parameters that cannot be joined along axis {axis}: {error}") from error
    return [conversion.const("parameters", joined)]


def _layers(conversion: Conversion, vector: Array, channels: int) -> Iterator[tuple[Array, Array, Array]]:
    """Yields each layer's weights of the input (D*G*H, C) and of the state (D*G*H, H), and its biases (2, D*G*H).

    Raises:
        ImportFailure: the vector has not as many elements as the layers take.
    """
    attrs = conversion.attrs
    directions, hidden = 2 if attrs["bidirectional"] else 1, attrs["state_size"]
    rows = GATES[attrs["mode"]] * hidden
    widths = [channels, *[directions * hidden] * (attrs["num_layers"] - 1)]
    sizes = [size for width in widths for _ in range(directions) for size in (rows * width, rows * hidden)]
    sizes += [rows] * (2 * directions * len(widths))
    if vector.size != sum(sizes):
        raise conversion.fail(f"{vector.size} parameters, but {attrs['mode']} of {attrs['num_layers']} layers with {hidden} units in {directions} "
                              f"direction{'s' * (directions > 1)} and {channels} inputs has {sum(sizes)}")
    parts = iter(np.split(vector.reshape(-1), np.cumsum(sizes)[:-1]))
    weights = [[(next(parts).reshape(rows, width), next(parts).reshape(rows, hidden)) for _ in range(directions)] for width in widths]
    for layer in weights:
        biases = [(next(parts), next(parts)) for _ in range(directions)]
        yield (*(np.concatenate(part) for part in zip(*layer, strict=True)), np.stack([np.concatenate(part) for part in zip(*biases, strict=True)]))


def _state(conversion: Conversion, value: Value, layer: int, directions: int, part: str) -> Value:
    """Returns one layer's part of a state of all layers."""
    if conversion.attrs["num_layers"] == 1:
        return value
    first = layer * directions
    return conversion.cut(value, {0: (first, first + directions, None)}, f"{part}{layer}")


def _rnn(conversion: Conversion) -> list[Value]:
    attrs, mode = conversion.attrs, conversion.attrs["mode"]
    directions, count = 2 if attrs["bidirectional"] else 1, 1 + cell_count(mode)
    if conversion.rank != 3:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected (steps, batch, channels)")
    if len(conversion.inputs) != 2 + count + attrs["use_sequence_length"]:
        raise conversion.fail(f"{len(conversion.inputs)} inputs, expected {2 + count + attrs['use_sequence_length']}")
    vector = constant_value(conversion.inputs[1])
    if vector is None:
        raise conversion.fail(f"the parameters {conversion.inputs[1].name!r} are data, but the layers' weights must be known when the model is compiled")
    if conversion.data.type.dtype not in FLOATS:
        raise conversion.fail(f"data of {conversion.data.type.dtype}, expected floats")
    states, lengths = conversion.inputs[2:2 + count], _lengths(conversion)
    for state in states:
        _check_state(conversion, state, attrs["num_layers"] * directions)
    options: dict[str, Any] = {"mode": mode, "bidirectional": attrs["bidirectional"], "clip_min": attrs["lstm_state_clip_min"],
                               "clip_max": attrs["lstm_state_clip_max"]}
    y, last = conversion.data, []
    for layer, parts in enumerate(_layers(conversion, vector, conversion.fixed(conversion.shape[2], "the number of channels"))):
        constants = [conversion.const(f"l{layer}_{name}", part) for name, part in zip(("i2h", "h2h", "bias"), parts, strict=True)]
        begin = [_state(conversion, state, layer, directions, name) for state, name in zip(states, ("state", "cell"), strict=False)]
        name = "" if layer == attrs["num_layers"] - 1 else f"l{layer}"
        y, *ends = conversion.results("recurrent", y, *constants, *begin, *lengths, part=name, **options)
        last.append(ends)
    return [y, *(_joined(conversion, parts, name) for parts, name in zip(zip(*last, strict=True), ("state_out", "cell_out"), strict=False))]


def _joined(conversion: Conversion, parts: Sequence[Value], name: str) -> Value:
    return parts[0] if len(parts) == 1 else conversion.op("concat", *parts, part=name, axis=0)


def _check_state(conversion: Conversion, state: Value, rows: int) -> None:
    """Refuses a state of another shape than (layers and directions, batch, units), or with one row for all sequences."""
    batch, hidden = conversion.shape[1], conversion.attrs["state_size"]
    if state.type.shape != (rows, 1, hidden):
        conversion.expect_shape(state, (rows, batch, hidden), "state")


def _lengths(conversion: Conversion) -> list[Value]:
    """Returns the lengths as i32, and warns of what MXNet makes of them and of clipping on a CPU."""
    attrs = conversion.attrs
    ignored = [name for name in ("use_sequence_length", "lstm_state_clip_min", "lstm_state_clip_max") if attrs[name] not in (False, None)]
    if ignored:
        logger.warning("%s: %s: MXNet 1.9 does without %s on a CPU; this follows MXNet's documentation and its GPU kernels", conversion.source, conversion.node,
                       " and ".join(ignored))
    if not attrs["use_sequence_length"]:
        return []
    lengths = conversion.inputs[-1]
    conversion.expect_shape(lengths, (conversion.shape[1],), "sequence_length")
    return [lengths if lengths.type.dtype == "i32" else conversion.op("cast", lengths, part="lengths", dtype="i32")]


def _refuse(attrs: Attributes) -> str | None:
    if attrs["projection_size"] is not None:
        return f"projection_size={attrs['projection_size']}, which MXNet has on GPUs only"
    if attrs["lstm_state_clip_nan"]:
        return "lstm_state_clip_nan=True, which MXNet has on GPUs only"
    if attrs["mode"] != "lstm" and not attrs["lstm_state_clip_min"] is attrs["lstm_state_clip_max"] is None:
        return f"mode={attrs['mode']} and lstm_state_clip_min or lstm_state_clip_max, which bound the cell of an LSTM"
    return None


def _outputs(attrs: Attributes) -> tuple[str, ...]:
    names = ("output", "state_output", "statecell_output") if attrs["mode"] == "lstm" else ("output", "state_output")
    return names if attrs["state_outputs"] else names[:1]


OPERATORS = {
    "RNN": Operator(
        _rnn,
        {
            "state_size": Field("int", low=1),
            "num_layers": Field("int", low=1, high=1024),
            "mode": enum(*GATES),
            "bidirectional": Field("bool", False),
            "p": IGNORED,
            "state_outputs": Field("bool", False),
            "projection_size": Field("int", None, optional=True),
            "lstm_state_clip_min": Field("double", None, optional=True),
            "lstm_state_clip_max": Field("double", None, optional=True),
            "lstm_state_clip_nan": Field("bool", False),
            "use_sequence_length": Field("bool", False),
        },
        3,
        5,
        refuse=_refuse,
        outputs=_outputs,
        becomes=("recurrent", "slice", "concat", "cast"),
    ),
    "_rnn_param_concat": Operator(_param_concat, {"dim": Field("int", 1), "num_args": Field("int", 0)}, 1, None, becomes=("concat",)),
}
