"""Operators that join, split, cut and pad."""

from collections.abc import Sequence

from ngc.importer.attributes import Attributes, Field, enum
from ngc.importer.operators.conversion import (
    MAX_OUTPUTS,
    NUM_ARGS,
    Bound,
    Bounds,
    Conversion,
    Operator,
    identity,
    numbered_outputs,
)
from ngc.ir import Dim, Value
from ngc.ir.tensor_type import format_shape


def _concat(conversion: Conversion) -> list[Value]:
    axis = conversion.axis(conversion.attrs["dim"])
    if len(conversion.inputs) == 1:
        return identity(conversion)
    return [conversion.op("concat", *conversion.inputs, axis=axis)]


def _split_channels(conversion: Conversion) -> Sequence[Value | None]:
    count = conversion.attrs["num_outputs"]
    axis = conversion.axis(conversion.attrs["axis"])
    size = conversion.fixed(conversion.shape[axis], f"axis {axis}")
    if size % count:
        raise conversion.fail(
            f"axis {axis} of data of shape {format_shape(conversion.shape)} cannot be cut into {count} parts"
        )
    return _pieces(conversion, axis, [index * (size // count) for index in range(count)])


def _split(conversion: Conversion) -> Sequence[Value | None]:
    return split_at(conversion, conversion.attrs["axis"])


def split_at(conversion: Conversion, axis: int) -> Sequence[Value | None]:
    """Returns pieces of the data along an axis, as the attributes `sections` or `indices` say; `indices` hold the start of every piece, the first one's too."""
    axis = conversion.axis(axis)
    size = conversion.fixed(conversion.shape[axis], f"axis {axis}")
    sections, starts = conversion.attrs["sections"], list(conversion.attrs["indices"])
    if sections > 0:
        if size % sections:
            raise conversion.fail(
                f"axis {axis} of data of shape {format_shape(conversion.shape)} is no {sections} equal parts"
            )
        starts = [index * (size // sections) for index in range(sections)]
    if not starts or starts[0] != 0 or starts != sorted(starts) or starts[-1] > size:
        raise conversion.fail(
            f"indices = {starts}: expected starts of pieces that rise from 0 to at most {size}"
        )
    return _pieces(conversion, axis, starts)


def _pieces(conversion: Conversion, axis: int, starts: list[int]) -> Sequence[Value | None]:
    """Returns the piece that begins at each start, up to the next; pieces that nothing reads are left out."""
    size = conversion.fixed(conversion.shape[axis], f"axis {axis}")
    squeeze = conversion.attrs["squeeze_axis"]
    pieces: list[Value | None] = []
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], size], strict=True)):
        if index not in conversion.needed:
            pieces.append(None)
            continue
        part = "" if len(starts) == 1 else f"output{index}"
        whole: list[Dim] = list(conversion.shape)
        piece = conversion.cut(conversion.data, {axis: (start, end, None)}, f"{part}piece" if squeeze else part)
        if squeeze:
            if end - start != 1:
                raise conversion.fail(f"squeeze_axis needs pieces of 1, piece {index} has {end - start}")
            piece = conversion.reshape(piece, [*whole[:axis], *whole[axis + 1 :]] or [1] * (not conversion.np_shape), part)
        pieces.append(piece)
    return pieces


def split_at_outputs(attrs: Attributes) -> tuple[str, ...]:
    return numbered_outputs(attrs["sections"] if attrs["sections"] > 0 else len(attrs["indices"]))


def slice_bounds(conversion: Conversion) -> tuple[tuple[Bound, ...], tuple[Bound, ...], tuple[int, ...]]:
    """Returns the attributes begin, end and step of a slice for every axis; axes that they do not reach are taken whole."""
    begin, end, step = (conversion.attrs[key] for key in ("begin", "end", "step"))
    if len(begin) > conversion.rank or len(begin) != len(end) or (step and len(step) != len(begin)):
        raise conversion.fail(
            f"begin = {begin}, end = {end}, step = {step}: expected as many numbers each, "
            f"at most {conversion.rank}"
        )
    if 0 in step:
        raise conversion.fail(f"step = {step}: a step cannot be 0")
    rest = conversion.rank - len(begin)
    steps = tuple(1 if by is None else by for by in step or (1,) * len(begin))
    return (*begin, *(None,) * rest), (*end, *(None,) * rest), (*steps, *(1,) * rest)


def _slice(conversion: Conversion) -> list[Value]:
    begin, end, step = slice_bounds(conversion)
    return [conversion.op("slice", conversion.data, begin=begin, end=end, step=step)]


def _slice_axis(conversion: Conversion) -> list[Value]:
    """Stricter than slice: an end past the dimension and an empty result are errors."""
    axis = conversion.axis(conversion.attrs["axis"])
    begin, end = conversion.attrs["begin"], conversion.attrs["end"]
    if begin == 0 and end is None:
        return identity(conversion)
    size = conversion.fixed(conversion.shape[axis], f"axis {axis}")
    first = begin + size if begin < 0 else begin
    last = size if end is None else end + size if end < 0 else end
    if not 0 <= first < last <= size:
        raise conversion.fail(
            f"begin = {begin}, end = {end} leave nothing of, or reach past, a dimension of {size}"
        )
    return [conversion.cut(conversion.data, {axis: (first, last, None)})]


def _slice_like(conversion: Conversion) -> list[Value]:
    like = conversion.inputs[1].type.shape
    axes = conversion.axes(conversion.attrs["axes"] or range(conversion.rank))
    if not conversion.attrs["axes"] and len(like) != conversion.rank:
        raise conversion.fail(
            f"shapes {format_shape(conversion.shape)} and {format_shape(like)}: without axes ranks must be equal"
        )
    cuts: dict[int, Bounds] = {}
    for axis in axes:
        if axis >= len(like):
            raise conversion.fail(f"axis {axis} is outside the shape to copy, {format_shape(like)}")
        have, want = conversion.shape[axis], like[axis]
        if have == want:
            continue
        if not isinstance(have, int) or not isinstance(want, int) or want > have:
            raise conversion.fail(
                f"axis {axis} of {format_shape(conversion.shape)} cannot be cut to that of {format_shape(like)}"
            )
        cuts[axis] = (0, want, None)
    return [conversion.cut(conversion.data, cuts)] if cuts else identity(conversion)


def _reverse(conversion: Conversion) -> list[Value]:
    axes = conversion.attrs["axis"]
    if min(axes, default=0) < 0:
        raise conversion.fail(f"axis = {axes}: expected axes counted from 0")
    return [conversion.cut(conversion.data, dict.fromkeys(conversion.axes(axes), (None, None, -1)))]


def _pad(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    widths = attrs["pad_width"]
    if (
        conversion.rank not in (4, 5)
        or len(widths) != 2 * conversion.rank
        or any(widths[:4])
        or min(widths) < 0
    ):
        raise conversion.fail(
            f"pad_width = {widths} for data of shape {format_shape(conversion.shape)}: expected 4 or 5 dimensions "
            "and two numbers for each, those of the first two dimensions 0"
        )
    return [
        conversion.op(
            "pad", conversion.data, mode=attrs["mode"], widths=widths, value=attrs["constant_value"]
        )
    ]


def _crop(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    if conversion.rank != 4:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected 4 dimensions")
    wanted = conversion.inputs[1].type.shape[2:4] if len(conversion.inputs) == 2 else attrs["h_w"]
    if len(wanted) != 2 or len(attrs["offset"]) != 2:
        raise conversion.fail(f"a crop to {wanted} at {attrs['offset']}: expected height and width each")
    sizes = [conversion.fixed(size, "a spatial dimension") for size in conversion.shape[2:]]
    offset = [
        (size - conversion.fixed(want, "a spatial dimension")) // 2 if attrs["center_crop"] else given
        for size, want, given in zip(sizes, wanted, attrs["offset"], strict=True)
    ]
    cuts: dict[int, Bounds] = {}
    for axis, (size, want, start) in enumerate(zip(sizes, wanted, offset, strict=True), 2):
        if want < 1 or start < 0 or start + want > size:
            raise conversion.fail(
                f"a crop of {tuple(wanted)} at {tuple(offset)} does not fit into {tuple(sizes)}"
            )
        cuts[axis] = (start, start + want, None)
    return [conversion.cut(conversion.data, cuts)]


_PAIR = (0, 0)

OPERATORS = {
    "Concat": Operator(_concat, {"dim": Field("int", 1), **NUM_ARGS}, 1, None, becomes=("concat", "identity")),
    "SliceChannel": Operator(
        _split_channels,
        {
            "num_outputs": Field("int", low=1, high=MAX_OUTPUTS),
            "axis": Field("int", 1),
            "squeeze_axis": Field("bool", False),
        },
        outputs=lambda attrs: tuple(f"output{index}" for index in range(attrs["num_outputs"])),
        becomes=("slice", "reshape"),
    ),
    "_split_v2": Operator(
        _split,
        {
            "indices": Field("shape"),
            "axis": Field("int", 1),
            "squeeze_axis": Field("bool", False),
            "sections": Field("int", 0, high=MAX_OUTPUTS),
        },
        outputs=split_at_outputs,
        becomes=("slice", "reshape"),
    ),
    "slice": Operator(
        _slice,
        {
            "begin": Field("optional_longs"),
            "end": Field("optional_longs"),
            "step": Field("optional_longs", ()),
        },
        becomes=("slice",),
    ),
    "slice_axis": Operator(
        _slice_axis,
        {"axis": Field("int"), "begin": Field("int"), "end": Field("int", optional=True)},
        becomes=("slice", "identity"),
    ),
    "slice_like": Operator(_slice_like, {"axes": Field("shape", ())}, 2, 2, becomes=("slice", "identity")),
    "reverse": Operator(_reverse, {"axis": Field("shape")}, becomes=("slice",)),
    "Pad": Operator(
        _pad,
        {
            "mode": enum("constant", "edge", "reflect"),
            "pad_width": Field("shape"),
            "constant_value": Field("double", 0.0),
        },
        becomes=("pad",),
    ),
    "Crop": Operator(
        _crop,
        {
            "offset": Field("shape", _PAIR),
            "h_w": Field("shape", _PAIR),
            "center_crop": Field("bool", False),
            **NUM_ARGS,
        },
        1,
        2,
        becomes=("slice",),
    ),
}
