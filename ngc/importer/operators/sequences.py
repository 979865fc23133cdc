"""Operators on sequences of different lengths in one tensor."""

import numpy as np

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator, identity
from ngc.importer.operators.indexing import as_index
from ngc.ir import Dim, Value
from ngc.ir.tensor_type import format_shape


def _lengths(conversion: Conversion) -> Value | None:
    """Returns the lengths as integers, None where all sequences are as long as the data.

    Raises:
        ImportFailure: the time axis is not 0 or 1, or the inputs do not fit the attributes.
    """
    axis, given = conversion.attrs["axis"], conversion.attrs["use_sequence_length"]
    if axis not in (0, 1) or conversion.rank < 2:
        raise conversion.fail(
            f"axis = {axis} of data of shape {format_shape(conversion.shape)}: the time axis is 0 or 1, of at least 2 dimensions"
        )
    if len(conversion.inputs) != 1 + given:
        raise conversion.fail(f"use_sequence_length = {given}, and {len(conversion.inputs)} inputs")
    if not given:
        return None
    conversion.expect_shape(conversion.inputs[1], (conversion.shape[1 - axis],), "sequence_length")
    return as_index(conversion, conversion.inputs[1], "lengths")


def _mask(conversion: Conversion) -> list[Value]:
    lengths = _lengths(conversion)
    if lengths is None:
        return identity(conversion)
    return [
        conversion.op(
            "sequence_mask",
            conversion.data,
            lengths,
            axis=conversion.attrs["axis"],
            value=conversion.attrs["value"],
        )
    ]


def _last(conversion: Conversion) -> list[Value]:
    """The step before each sequence's length; lengths below 1 or past the data, for which MXNet reads other memory, are brought into it."""
    lengths, axis = _lengths(conversion), conversion.attrs["axis"]
    batch, steps = conversion.shape[1 - axis], conversion.fixed(conversion.shape[axis], "the time axis")
    rest = conversion.shape[2:]
    if lengths is None:
        step = conversion.cut(conversion.data, {axis: (steps - 1, steps, None)}, "step")
    else:
        last = conversion.op("sub", lengths, part="last", scalar=1)
        index = conversion.reshape(last, _along(batch, axis, conversion.rank), part="index_shaped")
        step = conversion.op("gather_elements", conversion.data, index, part="step", axis=axis)
    return [conversion.reshape(step, (batch, *rest))]


def _along(batch: Dim, axis: int, rank: int) -> tuple[Dim, ...]:
    """Returns the shape of one number for each sequence, the time axis and all others 1 long."""
    return (1, batch, *(1,) * (rank - 2)) if axis == 0 else (batch, 1, *(1,) * (rank - 2))


def _reverse(conversion: Conversion) -> list[Value]:
    """Step t is step length-1-t of the data below the length and step t beyond; lengths past the data are the data's."""
    if conversion.attrs["axis"] != 0:
        raise conversion.fail(f"axis = {conversion.attrs['axis']}: MXNet reverses axis 0 only")
    lengths = _lengths(conversion)
    if lengths is None:
        return [conversion.cut(conversion.data, {0: (None, None, -1)})]
    steps, integer = conversion.fixed(conversion.shape[0], "the time axis"), np.int64 if lengths.type.dtype == "i64" else np.int32
    conversion.check_generated(steps)
    times = conversion.const("times", np.arange(steps, dtype=integer).reshape(steps, 1))
    row = conversion.reshape(conversion.op("minimum", lengths, part="within", scalar=steps), (1, conversion.shape[1]), part="row")
    backwards = conversion.op("sub", row, conversion.op("add", times, part="next", scalar=1), part="backwards")
    # t = (length-1) - (length-1-t): `where` takes no smaller operands, differences broadcast.
    forwards = conversion.op("sub", conversion.op("sub", row, part="ends", scalar=1), backwards, part="forwards")
    inside = conversion.op("greater_equal", backwards, part="inside", scalar=0)
    index = conversion.op("where", inside, backwards, forwards, part="index_of_step")
    shaped = conversion.reshape(index, (steps, conversion.shape[1], *(1,) * (conversion.rank - 2)), part="index_shaped")
    return [conversion.op("gather_elements", conversion.data, shaped, axis=0)]


_LENGTH = {"use_sequence_length": Field("bool", False), "axis": Field("int", 0)}

OPERATORS: dict[str, Operator] = {
    "SequenceMask": Operator(
        _mask, {**_LENGTH, "value": Field("float", 0.0)}, 1, 2, becomes=("cast", "sequence_mask", "identity")
    ),
    "SequenceLast": Operator(_last, _LENGTH, 1, 2, becomes=("cast", "slice", "sub", "reshape", "gather_elements")),
    "SequenceReverse": Operator(
        _reverse,
        _LENGTH,
        1,
        2,
        becomes=("cast", "slice", "reshape", "minimum", "add", "sub", "greater_equal", "where", "gather_elements"),
    ),
}
