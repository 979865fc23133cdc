"""MXNet's numpy names: shapes, and the order of elements."""

import re
from collections.abc import Sequence

import numpy as np

from ngc.errors import VerifyError
from ngc.importer.attributes import Attributes, Field, MalformedValue, enum
from ngc.importer.operators.conversion import MAX_OUTPUTS, Conversion, Operator, identity, numbered_outputs
from ngc.importer.operators.numpy_common import broadcast_to
from ngc.importer.operators.reshape_codes import reshaped
from ngc.importer.operators.shape import each_repeated
from ngc.importer.operators.xreshape_codes import xreshaped
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape, product


def _transpose(conversion: Conversion) -> list[Value]:
    axes = conversion.attrs["axes"]
    if axes is None:
        axes = tuple(reversed(range(conversion.rank)))
    return [conversion.transpose(conversion.data, conversion.axes(axes))] if conversion.rank else identity(conversion)


def _reshape(conversion: Conversion) -> list[Value]:
    """numpy's reshape: -1 stands for what is left."""
    wanted = conversion.attrs["newshape"]
    if min(wanted, default=1) < -1 or 0 in wanted:
        raise conversion.fail(f"newshape = {wanted}: expected sizes of at least 1, -1 for one of them")
    try:
        return [conversion.reshape(conversion.data, reshaped(conversion.shape, wanted) if -1 in wanted else wanted)]
    except (MalformedValue, VerifyError) as error:
        raise conversion.fail(f"newshape = {wanted} for data of shape {format_shape(conversion.shape)}: {error}") from error


def _xreshape(conversion: Conversion) -> list[Value]:
    codes = conversion.attrs["newshape"]
    try:
        return [conversion.reshape(conversion.data, xreshaped(conversion.shape, codes, reverse=conversion.attrs["reverse"]))]
    except (MalformedValue, VerifyError) as error:
        raise conversion.fail(f"newshape = {codes} for data of shape {format_shape(conversion.shape)}: {error}") from error


def _squeeze(conversion: Conversion) -> list[Value]:
    axes = conversion.attrs["axis"]
    dropped = {axis for axis, dim in enumerate(conversion.shape) if dim == 1} if axes is None else set(conversion.axes(axes))
    if any(conversion.shape[axis] != 1 for axis in dropped):
        raise conversion.fail(f"axis = {axes} of data of shape {format_shape(conversion.shape)} is not 1")
    return [conversion.reshape(conversion.data, [dim for axis, dim in enumerate(conversion.shape) if axis not in dropped])]


def _moveaxis(conversion: Conversion) -> list[Value]:
    sources, targets = conversion.axes(conversion.attrs["source"]), conversion.axes(conversion.attrs["destination"])
    if len(sources) != len(targets):
        raise conversion.fail(f"{len(sources)} axes to {len(targets)} places, expected as many")
    order = [axis for axis in range(conversion.rank) if axis not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source)
    return [conversion.transpose(conversion.data, order)]


def _broadcast_to(conversion: Conversion) -> list[Value]:
    wanted = conversion.attrs["shape"]
    missing = len(wanted) - conversion.rank
    shape = tuple(conversion.shape[position - missing] if size == -2 and position >= missing else size for position, size in enumerate(wanted))
    return [broadcast_to(conversion, conversion.data, shape, "")]


def _reversed(conversion: Conversion, value: Value, axes: Sequence[int], part: str = "") -> Value:
    """Returns a value backwards along some axes."""
    return conversion.cut(value, dict.fromkeys(axes, (None, None, -1)), part)


def _repeats(conversion: Conversion) -> list[Value]:
    """Each element along an axis, or of the flattened data, repeated as often as its own count says, or all by the one that is given."""
    counts, axis = conversion.attrs["repeats"], conversion.attrs["axis"]
    if min(counts, default=0) < 0 or not sum(counts):
        raise conversion.fail(f"repeats = {counts}: expected counts of 0 or more, and not all of them 0")
    if len(counts) == 1:
        return each_repeated(conversion, counts[0], axis)
    along = 0 if axis is None else conversion.axis(axis)
    data = conversion.reshape(conversion.data, (product(conversion.shape),), part="flat") if axis is None else conversion.data
    if data.type.shape[along] != len(counts):
        raise conversion.fail(f"repeats = {counts}: expected one count, or one for each of {data.type.shape[along]} elements")
    conversion.check_generated(sum(counts))
    index = conversion.const("index", np.repeat(np.arange(len(counts), dtype=np.int32), counts))
    return [conversion.op("gather", data, index, axis=along)]


def _flip(conversion: Conversion) -> list[Value]:
    axes = conversion.attrs["axis"]
    chosen = tuple(range(conversion.rank)) if axes is None else conversion.axes(axes)
    return [_reversed(conversion, conversion.data, chosen)] if chosen else identity(conversion)


def _roll(conversion: Conversion) -> list[Value]:
    """Moves elements along axes; those that leave at the end come in at the beginning. Without axes, in the order of memory."""
    shifts, axes = conversion.attrs["shift"], conversion.attrs["axis"]
    value = conversion.data
    if axes is None:
        value, axes, shifts = conversion.reshape(value, (product(conversion.shape),), part="flat"), (0,), (sum(shifts),)
    if len(shifts) != len(axes):
        shifts, axes = (shifts * len(axes), axes) if len(shifts) == 1 else (shifts, axes * len(shifts)) if len(axes) == 1 else ((), axes)
    if len(shifts) != len(axes):
        raise conversion.fail(f"shift = {conversion.attrs['shift']} along {len(axes)} axes, expected as many")
    for number, (shift, axis) in enumerate(zip(shifts, axes, strict=True)):
        place = conversion.axis(axis, value.type.rank)
        size = conversion.fixed(value.type.shape[place], f"axis {axis}")
        if shift % size:
            cut = size - shift % size
            parts = conversion.cut(value, {place: (cut, None, None)}, f"end{number}"), conversion.cut(value, {place: (None, cut, None)}, f"begin{number}")
            value = conversion.op("concat", *parts, part=f"rolled{number}", axis=place)
    return [conversion.reshape(value, conversion.shape)]


def _rot90(conversion: Conversion) -> list[Value]:
    """Quarter turns from the first axis to the second: a turn is a reversal and an exchange of both axes."""
    axes = conversion.axes(conversion.attrs["axes"])
    if len(axes) != 2:
        raise conversion.fail(f"axes = {conversion.attrs['axes']}: expected two")
    exchanged = list(range(conversion.rank))
    exchanged[axes[0]], exchanged[axes[1]] = axes[1], axes[0]
    match conversion.attrs["k"] % 4:
        case 0:
            return identity(conversion)
        case 1:
            return [conversion.transpose(_reversed(conversion, conversion.data, axes[1:], "flipped"), exchanged)]
        case 2:
            return [_reversed(conversion, conversion.data, axes)]
    return [_reversed(conversion, conversion.transpose(conversion.data, exchanged, "exchanged"), axes[1:])]


def _atleast(least: int) -> Operator:
    """Returns the operator that gives each operand a number of dimensions: a vector becomes (1, N), of three (1, N, 1), a matrix (M, N, 1)."""

    def convert(conversion: Conversion) -> list[Value]:
        results = []
        for number, value in enumerate(conversion.inputs):
            shape = value.type.shape
            missing = least - len(shape)
            before = min(1, missing) if shape and len(shape) < 2 else missing if not shape else 0
            wanted = shape if missing <= 0 else (*(1,) * before, *shape, *(1,) * (missing - before))
            results.append(conversion.reshape(value, wanted, part=f"output{number}" if len(conversion.inputs) > 1 else ""))
        return results

    return Operator(convert, {"num_args": Field("int", 1, high=MAX_OUTPUTS)}, 1, None, outputs=lambda attrs: numbered_outputs(attrs["num_args"]), any_rank=True,
                    becomes=("reshape",))


def _diff(conversion: Conversion) -> list[Value]:
    axis, value = conversion.axis(conversion.attrs["axis"]), conversion.data
    times = conversion.attrs["n"]
    if times >= conversion.fixed(conversion.shape[axis], f"axis {axis}"):
        raise conversion.fail(f"n = {times} differences leave nothing of {conversion.shape[axis]}")
    for number in range(times):
        parts = conversion.cut(value, {axis: (1, None, None)}, f"next{number}"), conversion.cut(value, {axis: (None, -1, None)}, f"this{number}")
        value = conversion.op("sub", *parts, part="" if number == times - 1 else f"diff{number}")
    return [value] if times else identity(conversion)


def _ediff1d(conversion: Conversion) -> list[Value]:
    """Differences in the order of memory."""
    flat = conversion.reshape(conversion.data, (product(conversion.shape),), part="flat")
    return [conversion.op("sub", conversion.cut(flat, {0: (1, None, None)}, "next"), conversion.cut(flat, {0: (None, -1, None)}, "this"))]


def _refuse_ends(attrs: Attributes) -> str | None:
    given = [name for name, value in attrs.items() if value not in (None, "None", False)]
    return f"{', '.join(given)}" if given else None


def _pad(conversion: Conversion) -> list[Value]:
    text, attrs = conversion.attrs["pad_width"], conversion.attrs
    widths = tuple(map(int, re.findall(r"-?\d+", text)))
    if len(widths) == 2:
        widths *= conversion.rank
    if len(widths) != 2 * conversion.rank or min(widths, default=0) < 0 or re.sub(r"[\d,\s()\[\]-]", "", text):
        raise conversion.fail(f"pad_width = {text!r}: expected two numbers for each of {conversion.rank} dimensions")
    return [conversion.op("pad", conversion.data, mode=attrs["mode"], widths=widths, value=attrs["constant_value"])]


def _refuse_pad(attrs: Attributes) -> str | None:
    return None if attrs["reflect_type"] == "even" else f"reflect_type={attrs['reflect_type']}"


_AXES = Field("shape", None, optional=True)

OPERATORS = {
    "_np_transpose": Operator(_transpose, {"axes": _AXES}, any_rank=True, becomes=("transpose", "identity")),
    "_np_reshape": Operator(_reshape, {"newshape": Field("shape"), "order": enum("C", default="C")}, any_rank=True, becomes=("reshape",)),
    "_npx_reshape": Operator(_xreshape, {"newshape": Field("shape"), "reverse": Field("bool", False), "order": enum("C", default="C")}, any_rank=True,
                             becomes=("reshape",)),
    "_np_squeeze": Operator(_squeeze, {"axis": _AXES}, any_rank=True, becomes=("reshape",)),
    "_np_moveaxis": Operator(_moveaxis, {"source": Field("shape"), "destination": Field("shape")}, becomes=("transpose",)),
    "_npi_broadcast_to": Operator(_broadcast_to, {"shape": Field("shape")}, any_rank=True, becomes=("broadcast_to",)),
    "_npi_repeats": Operator(_repeats, {"repeats": Field("shape"), "axis": Field("int", None, optional=True)}, any_rank=True,
                             becomes=("reshape", "broadcast_to", "gather")),
    "_npi_flip": Operator(_flip, {"axis": _AXES}, any_rank=True, becomes=("slice", "identity")),
    "_np_roll": Operator(_roll, {"shift": Field("shape"), "axis": _AXES}, becomes=("reshape", "slice", "concat")),
    "_npi_rot90": Operator(_rot90, {"k": Field("int", 1), "axes": Field("shape", (0, 1))}, becomes=("slice", "transpose", "identity")),
    **{f"_np_atleast_{least}d": _atleast(least) for least in (1, 2, 3)},
    "_npi_diff": Operator(_diff, {"n": Field("int", 1, low=0), "axis": Field("int", -1)}, becomes=("slice", "sub", "identity")),
    "_npi_ediff1d": Operator(
        _ediff1d, {"to_begin_arr_given": Field("bool", False), "to_end_arr_given": Field("bool", False), "to_begin_scalar": Field("str", None),
                   "to_end_scalar": Field("str", None)}, refuse=_refuse_ends, becomes=("reshape", "slice", "sub")),
    "_npi_pad": Operator(
        _pad, {"pad_width": Field("str"), "mode": enum("constant", "edge", "reflect", default="constant"), "constant_value": Field("double", 0.0),
               "reflect_type": Field("str", "even")}, refuse=_refuse_pad, becomes=("pad",)),
}
