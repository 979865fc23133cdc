"""Operators that give data another shape: Reshape and its kin, transposition, broadcasting to a shape."""

from collections.abc import Sequence

from ngc.errors import VerifyError
from ngc.importer.attributes import Field, MalformedValue
from ngc.importer.operators.conversion import NUM_ARGS, Conversion, Operator
from ngc.importer.operators.reshape_codes import reshaped
from ngc.ir import Dim, Value
from ngc.ir.tensor_type import format_shape, product


def _reshape(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    codes, reverse = attrs["shape"], attrs["reverse"]
    if not codes:
        codes, reverse = _legacy_codes(conversion), False
    try:
        target = reshaped(conversion.shape, codes, reverse=reverse)
    except (MalformedValue, VerifyError) as error:
        raise conversion.fail(
            f"shape = {codes} for data of shape {format_shape(conversion.shape)}: {error}"
        ) from error
    return [conversion.reshape(conversion.data, target)]


def _legacy_codes(conversion: Conversion) -> tuple[int, ...]:
    """Returns `target_shape` as codes: its 0 is to be inferred, keep_highest copies the first dimension."""
    target: tuple[int, ...] = conversion.attrs["target_shape"]
    if not target:
        raise conversion.fail("neither shape nor target_shape is given")
    codes = tuple(-1 if size == 0 else size for size in target)
    return (0, *codes[1:]) if conversion.attrs["keep_highest"] else codes


def _flatten(conversion: Conversion) -> list[Value]:
    return [conversion.reshape(conversion.data, (conversion.shape[0], product(conversion.shape[1:])))]


def _transpose(conversion: Conversion) -> list[Value]:
    axes = conversion.attrs["axes"] or tuple(reversed(range(conversion.rank)))
    if sorted(axes) != list(range(conversion.rank)):
        raise conversion.fail(
            f"axes = {axes}: expected each of 0 to {conversion.rank - 1} once for data of shape "
            f"{format_shape(conversion.shape)}"
        )
    return [conversion.op("transpose", conversion.data, axes=axes)]


def _swap_axis(conversion: Conversion) -> list[Value]:
    first, second = conversion.axis(conversion.attrs["dim1"]), conversion.axis(conversion.attrs["dim2"])
    axes = list(range(conversion.rank))
    axes[first], axes[second] = second, first
    return [conversion.op("transpose", conversion.data, axes=axes)]


def _expand_dims(conversion: Conversion) -> list[Value]:
    axis = conversion.axis(conversion.attrs["axis"], conversion.rank + 1)
    return [conversion.reshape(conversion.data, (*conversion.shape[:axis], 1, *conversion.shape[axis:]))]


def _squeeze(conversion: Conversion) -> list[Value]:
    axes = conversion.attrs["axis"]
    if axes is None:
        dropped = {axis for axis, dim in enumerate(conversion.shape) if dim == 1}
    else:
        dropped = set(conversion.axes(axes))
        wrong = [axis for axis in sorted(dropped) if conversion.shape[axis] != 1]
        if wrong:
            raise conversion.fail(f"axis {wrong[0]} of data of shape {format_shape(conversion.shape)} is not 1")
    kept = [dim for axis, dim in enumerate(conversion.shape) if axis not in dropped]
    return [conversion.reshape(conversion.data, kept or (1,))]  # MXNet has no arrays without dimensions


def _broadcast_dims(conversion: Conversion, target: Sequence[Dim]) -> list[Value]:
    for have, want in zip(conversion.shape, target, strict=True):
        if have not in (want, 1):
            raise conversion.fail(f"data of shape {format_shape(conversion.shape)} cannot be broadcast to {format_shape(target)}; only dimensions of 1 can")
    return [conversion.op("broadcast_to", conversion.data, shape=tuple(target))]


def _broadcast_axis(conversion: Conversion) -> list[Value]:
    axes, sizes = conversion.axes(conversion.attrs["axis"]), conversion.attrs["size"]
    if len(axes) != len(sizes):
        raise conversion.fail(f"{len(axes)} axes and {len(sizes)} sizes, expected as many")
    target = list(conversion.shape)
    for axis, size in zip(axes, sizes, strict=True):
        if target[axis] != 1:
            raise conversion.fail(f"axis {axis} of data of shape {format_shape(conversion.shape)} is not 1")
        target[axis] = size
    return _broadcast_dims(conversion, target)


def _broadcast_to(conversion: Conversion) -> list[Value]:
    wanted = conversion.attrs["shape"]
    if len(wanted) != conversion.rank:
        raise conversion.fail(f"shape = {wanted}: expected {conversion.rank} sizes, 0 to keep one")
    return _broadcast_dims(
        conversion, [want or have for want, have in zip(wanted, conversion.shape, strict=True)]
    )


def _broadcast_like(conversion: Conversion) -> list[Value]:
    like = conversion.inputs[1].type.shape
    left, right = conversion.attrs["lhs_axes"], conversion.attrs["rhs_axes"]
    if (left is None) != (right is None):
        raise conversion.fail("lhs_axes and rhs_axes must be given both or not at all")
    if left is None:
        left, right = tuple(range(conversion.rank)), tuple(range(len(like)))
    target = list(conversion.shape)
    if len(left) != len(right):
        raise conversion.fail(f"{len(left)} axes on the left and {len(right)} on the right, expected as many")
    for axis, other in zip(conversion.axes(left), conversion.axes(right, len(like)), strict=True):
        target[axis] = like[other]
    return _broadcast_dims(conversion, target)


def _reshape_like(conversion: Conversion) -> list[Value]:
    attrs, like = conversion.attrs, conversion.inputs[1].type.shape

    def bound(key: str, rank: int, default: int) -> int:
        position = default if attrs[key] is None else attrs[key]
        return position + rank if position < 0 else position

    left = bound("lhs_begin", conversion.rank, 0), bound("lhs_end", conversion.rank, conversion.rank)
    right = bound("rhs_begin", len(like), 0), bound("rhs_end", len(like), len(like))
    target = (*conversion.shape[: left[0]], *like[right[0] : right[1]], *conversion.shape[left[1] :])
    return [conversion.reshape(conversion.data, target)]


def _stack(conversion: Conversion) -> list[Value]:
    axis = conversion.axis(conversion.attrs["axis"], conversion.rank + 1)
    parts = []
    for index, value in enumerate(conversion.inputs):
        conversion.expect_shape(value, conversion.shape, "stacked")
        shape = (*conversion.shape[:axis], 1, *conversion.shape[axis:])
        parts.append(conversion.reshape(value, shape, part=f"part{index}"))
    return [conversion.op("concat", *parts, axis=axis)]


def _tile(conversion: Conversion) -> list[Value]:
    """The data repeated as a whole: (d0, d1) -> (1, d0, 1, d1) -> (r0, d0, r1, d1) -> (r0*d0, r1*d1)."""
    reps = conversion.attrs["reps"]
    if min(reps, default=1) < 1:
        raise conversion.fail(f"reps = {reps}: expected numbers of at least 1")
    rank = max(conversion.rank, len(reps))
    shape: tuple[Dim, ...] = (*(1,) * (rank - conversion.rank), *conversion.shape)
    times = (*(1,) * (rank - len(reps)), *reps)
    return _repeated(conversion, [(count, dim) for count, dim in zip(times, shape, strict=True)], [0] * rank)


def _repeat(conversion: Conversion) -> list[Value]:
    return each_repeated(conversion, conversion.attrs["repeats"], conversion.attrs["axis"])


def each_repeated(conversion: Conversion, count: int, axis: int | None) -> list[Value]:
    """Returns each element of the data repeated along an axis, or along the flattened data."""
    shape = (product(conversion.shape),) if axis is None else conversion.shape
    along = 0 if axis is None else conversion.axis(axis)
    pairs = [(dim, count if position == along else 1) for position, dim in enumerate(shape)]
    return _repeated(conversion, pairs, [1] * len(shape))


def _repeated(conversion: Conversion, pairs: Sequence[tuple[Dim, Dim]], repeats: Sequence[int]) -> list[Value]:
    """Returns the data with each axis written as a pair of axes, one of which (`repeats` says which) is repeated; both are then one again."""
    apart = [dim for pair, own in zip(pairs, repeats, strict=True) for dim in ((pair[0], 1) if own else (1, pair[1]))]
    split = conversion.reshape(conversion.data, apart, part="apart")
    wide = conversion.op("broadcast_to", split, part="wide", shape=tuple(dim for pair in pairs for dim in pair))
    return [conversion.reshape(wide, [product(pair) for pair in pairs])]


def _depth_to_space(conversion: Conversion) -> list[Value]:
    """(N, b, b, C/b², H, W) -> (N, C/b², H, b, W, b)."""
    batch, channels, height, width, block = _blocks(conversion)
    if channels % block**2:
        raise conversion.fail(f"{channels} channels cannot be divided into blocks of {block} by {block}")
    split = (batch, block, block, channels // block**2, height, width)
    parts = conversion.reshape(conversion.data, split, part="split")
    moved = conversion.op("transpose", parts, part="moved", axes=(0, 3, 4, 1, 5, 2))
    return [conversion.reshape(moved, (batch, channels // block**2, height * block, width * block))]


def _space_to_depth(conversion: Conversion) -> list[Value]:
    """(N, C, H/b, b, W/b, b) -> (N, b, b, C, H/b, W/b)."""
    batch, channels, height, width, block = _blocks(conversion)
    if height % block or width % block:
        raise conversion.fail(f"{height} by {width} cannot be divided into blocks of {block} by {block}")
    split = (batch, channels, height // block, block, width // block, block)
    parts = conversion.reshape(conversion.data, split, part="split")
    moved = conversion.op("transpose", parts, part="moved", axes=(0, 3, 5, 1, 2, 4))
    return [conversion.reshape(moved, (batch, channels * block**2, height // block, width // block))]


def _blocks(conversion: Conversion) -> tuple[Dim, int, int, int, int]:
    if conversion.rank != 4:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected 4 dimensions")
    channels, height, width = (conversion.fixed(dim, "a dimension") for dim in conversion.shape[1:])
    return conversion.shape[0], channels, height, width, conversion.attrs["block_size"]


_BOUND = Field("int", None, optional=True)
_BLOCK = {"block_size": Field("int", low=1)}

OPERATORS = {
    "Reshape": Operator(
        _reshape,
        {
            "shape": Field("shape", ()),
            "reverse": Field("bool", False),
            "target_shape": Field("shape", ()),
            "keep_highest": Field("bool", False),
        },
        becomes=("reshape",),
    ),
    "Flatten": Operator(_flatten, becomes=("reshape",)),
    "transpose": Operator(_transpose, {"axes": Field("shape", ())}, becomes=("transpose",)),
    "SwapAxis": Operator(_swap_axis, {"dim1": Field("int", 0), "dim2": Field("int", 0)}, becomes=("transpose",)),
    "expand_dims": Operator(_expand_dims, {"axis": Field("int")}, any_rank=True, becomes=("reshape",)),
    "squeeze": Operator(_squeeze, {"axis": Field("shape", None, optional=True)}, becomes=("reshape",)),
    "broadcast_axis": Operator(_broadcast_axis, {"axis": Field("shape", ()), "size": Field("shape", ())}, becomes=("broadcast_to",)),
    "broadcast_to": Operator(_broadcast_to, {"shape": Field("shape", ())}, becomes=("broadcast_to",)),
    "broadcast_like": Operator(
        _broadcast_like,
        {
            "lhs_axes": Field("shape", None, optional=True),
            "rhs_axes": Field("shape", None, optional=True),
        },
        2,
        2,
        becomes=("broadcast_to",),
    ),
    "reshape_like": Operator(
        _reshape_like,
        {"lhs_begin": _BOUND, "lhs_end": _BOUND, "rhs_begin": _BOUND, "rhs_end": _BOUND},
        2,
        2,
        becomes=("reshape",),
    ),
    "stack": Operator(_stack, {"axis": Field("int", 0), **NUM_ARGS}, 1, None, any_rank=True, becomes=("reshape", "concat")),
    "tile": Operator(_tile, {"reps": Field("shape")}, becomes=("reshape", "broadcast_to")),
    "repeat": Operator(
        _repeat,
        {"repeats": Field("int", low=1), "axis": Field("int", None, optional=True)},
        becomes=("reshape", "broadcast_to"),
    ),
    "depth_to_space": Operator(_depth_to_space, _BLOCK, becomes=("reshape", "transpose")),
    "space_to_depth": Operator(_space_to_depth, _BLOCK, becomes=("reshape", "transpose")),
}
