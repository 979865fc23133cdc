"""Operators that compare elements along an axis: topk, sort, argmax and their like. An axis of None stands for the flattened data.

Of equal elements the one with the lower index comes first. So it does in MXNet for rows of up to 16 elements that are sorted as a whole; longer rows, and
those of which less than an eighth is asked for, go through the unstable algorithms of its C++ library, whose order of equals nothing can rely on.
"""

from collections.abc import Sequence

from ngc.importer.attributes import Attributes, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator, numbered_outputs
from ngc.ir import Shape, Value
from ngc.ir.tensor_type import product


def _lined_up(conversion: Conversion, axis: int | None) -> tuple[Value, int]:
    """Returns the data, flattened where there is no axis, and the axis."""
    if axis is not None:
        return conversion.data, conversion.axis(axis)
    return conversion.reshape(conversion.data, (product(conversion.shape),), part="flat"), 0


def _ordered(conversion: Conversion, k: int = 0) -> list[Value]:
    """Returns the first k elements in order, all where k is below 1, and their indices."""
    x, axis = _lined_up(conversion, conversion.attrs["axis"])
    count = _count(conversion, x, axis, k)
    return conversion.results("topk", x, part="ordered", axis=axis, k=count, largest=not conversion.attrs["is_ascend"])


def _count(conversion: Conversion, x: Value, axis: int, k: int) -> int:
    """Returns how many elements of an axis k stands for: all where it is below 1."""
    size = conversion.fixed(x.type.shape[axis], "the axis to be sorted")
    if k > size:
        raise conversion.fail(f"k = {k}: expected at most {size}, what axis {axis} has")
    return k if k >= 1 else size


def _topk(conversion: Conversion) -> Sequence[Value | None]:
    attrs = conversion.attrs
    if attrs["ret_typ"] == "mask":
        return [_mask(conversion)]
    values, indices = _ordered(conversion, attrs["k"])
    if attrs["ret_typ"] == "indices":
        return [conversion.op("cast", indices, dtype=attrs["dtype"])]
    return _both(conversion, values, indices, attrs["dtype"])


def _both(conversion: Conversion, values: Value, indices: Value, dtype: str) -> list[Value]:
    """Returns the two outputs of topk and sort; where the second is not asked for it is there all the same, but nobody sees it."""
    return [conversion.op("identity", values, part="output0"), conversion.op("cast", indices, part="output1", dtype=dtype)]


def _mask(conversion: Conversion) -> Value:
    """Ones where an element's place in the sorted data is below k. The places are the inverse of the sorting permutation: what sorts it."""
    _, order = _ordered(conversion)
    axis = 0 if conversion.attrs["axis"] is None else conversion.axis(conversion.attrs["axis"])
    count = _count(conversion, order, axis, conversion.attrs["k"])
    _, places = conversion.results("topk", order, part="inverse", axis=axis, k=_count(conversion, order, axis, 0), largest=False)
    chosen = conversion.op("lesser", places, part="chosen", scalar=count)
    mask = conversion.op("cast", chosen, part="mask", dtype=conversion.data.type.dtype)
    return conversion.reshape(mask, conversion.shape)


def _sort(conversion: Conversion) -> list[Value]:
    values, indices = _ordered(conversion)
    return _both(conversion, values, indices, "i32")


def _argsort(conversion: Conversion) -> list[Value]:
    _, indices = _ordered(conversion)
    return [conversion.op("cast", indices, dtype=conversion.attrs["dtype"])]


def _extreme(conversion: Conversion, op: str, axis: int | None, *, keepdims: bool) -> list[Value]:
    """The index of the largest or smallest element, in the data's own type."""
    x, axis_of_x = _lined_up(conversion, axis)
    index = conversion.op(op, x, part="index", axis=axis_of_x, keepdims=keepdims and axis is not None)
    shape: Shape = index.type.shape or (1,)  # MXNet has no arrays without dimensions
    if axis is None and keepdims:
        shape = (1,) * conversion.rank
    return [conversion.op("cast", conversion.reshape(index, shape, part="shaped"), dtype=conversion.data.type.dtype)]


def _arg(op: str) -> Operator:
    def convert(conversion: Conversion) -> list[Value]:
        return _extreme(conversion, op, conversion.attrs["axis"], keepdims=conversion.attrs["keepdims"])

    schema = {"axis": Field("int", None, optional=True), "keepdims": Field("bool", False)}
    return Operator(convert, schema, becomes=("reshape", op, "cast"))


def _argmax_channel(conversion: Conversion) -> list[Value]:
    return _extreme(conversion, "argmax", 1, keepdims=False)


def _topk_outputs(attrs: Attributes) -> tuple[str, ...]:
    return numbered_outputs(2 if attrs["ret_typ"] in ("both", "value") else 1)


_AXIS = {"axis": Field("int", -1, optional=True)}
_DTYPE = {"dtype": Field("dtype", "f32")}

OPERATORS: dict[str, Operator] = {
    "topk": Operator(
        _topk,
        {
            **_AXIS,
            "k": Field("int", 1),
            "ret_typ": enum("value", "indices", "mask", "both", default="indices"),
            "is_ascend": Field("bool", False),
            **_DTYPE,
        },
        outputs=_topk_outputs,
        becomes=("reshape", "topk", "identity", "cast", "lesser"),
    ),
    "sort": Operator(
        _sort,
        {**_AXIS, "is_ascend": Field("bool", True)},
        outputs=lambda attrs: numbered_outputs(2),
        becomes=("reshape", "topk", "identity", "cast"),
    ),
    "argsort": Operator(_argsort, {**_AXIS, "is_ascend": Field("bool", True), **_DTYPE}, becomes=("reshape", "topk", "cast")),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
    "argmax_channel": Operator(_argmax_channel, becomes=("argmax", "reshape", "cast")),
}
