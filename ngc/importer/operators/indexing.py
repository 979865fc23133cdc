"""Operators that pick elements by integers that are data: gather, one_hot and their like.

MXNet's indices may be of any type; floats are truncated, in 32 bits (f64: in 64), so that a float index of 2^31 or more is the least integer.
"""

from ngc.importer.attributes import IGNORED, Field, enum
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape


def as_index(conversion: Conversion, value: Value, part: str = "index") -> Value:
    """Returns a value as the integers that index operators of the IR take."""
    if value.type.dtype in ("i32", "i64"):
        return value
    return conversion.op("cast", value, part=part, dtype="i64" if value.type.dtype == "f64" else "i32")


# -- reading ----------------------------------------------------------------------------------------------------------


def _embedding(conversion: Conversion) -> list[Value]:
    """Rows of the weight; indices outside of it are clipped, as MXNet does on the CPU."""
    attrs, (data, weight) = conversion.attrs, conversion.inputs
    conversion.expect_shape(weight, (attrs["input_dim"], attrs["output_dim"]), "weight")
    return [conversion.op("gather", weight, as_index(conversion, data), axis=0)]


def _take(conversion: Conversion) -> list[Value]:
    """Slices along an axis. Where MXNet would raise for an index, mode `raise` clips it: code that runs without Python has no one to raise to."""
    mode = "wrap" if conversion.attrs["mode"] == "wrap" else "clip"
    index = as_index(conversion, conversion.inputs[1])
    return [conversion.op("gather", conversion.data, index, axis=conversion.axis(conversion.attrs["axis"]), mode=mode)]


def _pick(conversion: Conversion) -> list[Value]:
    return _picked(conversion, conversion.attrs["axis"], conversion.attrs["mode"], keepdims=conversion.attrs["keepdims"])


def _picked(conversion: Conversion, axis: int, mode: str, *, keepdims: bool) -> list[Value]:
    """One element for each position of the other axes; the index has their shape, with or without the axis."""
    axis = conversion.axis(axis)
    index = conversion.inputs[1]
    kept = (*conversion.shape[:axis], 1, *conversion.shape[axis + 1 :])
    dropped = (*conversion.shape[:axis], *conversion.shape[axis + 1 :]) or (1,)
    if index.type.shape not in (kept, dropped):
        raise conversion.fail(
            f"an index of shape {format_shape(index.type.shape)}, expected {format_shape(dropped)} or {format_shape(kept)}"
        )
    index = conversion.reshape(as_index(conversion, index), kept, part="index_kept")
    picked = conversion.op("gather_elements", conversion.data, index, part="picked", axis=axis, mode=mode)
    return [conversion.reshape(picked, kept if keepdims else dropped)]


def _batch_take(conversion: Conversion) -> list[Value]:
    if conversion.rank != 2:
        raise conversion.fail(f"data of shape {format_shape(conversion.shape)}, expected 2 dimensions")
    return _picked(conversion, 1, "clip", keepdims=False)


def _gather_nd(conversion: Conversion) -> list[Value]:
    """Coordinates below 0 count from the end; those outside, for which MXNet raises, are clipped."""
    if conversion.inputs[1].type.rank < 2:
        raise conversion.fail(f"indices of shape {format_shape(conversion.inputs[1].type.shape)}, expected 2 dimensions or more")
    return [conversion.op("gather_nd", conversion.data, as_index(conversion, conversion.inputs[1]))]


def _one_hot(conversion: Conversion) -> list[Value]:
    attrs = conversion.attrs
    index = as_index(conversion, conversion.data)
    return [
        conversion.op(
            "one_hot",
            index,
            depth=attrs["depth"],
            on_value=attrs["on_value"],
            off_value=attrs["off_value"],
            dtype=attrs["dtype"],
        )
    ]


_EMBEDDING = {
    "input_dim": Field("int", low=1),
    "output_dim": Field("int", low=1),
    "dtype": IGNORED,  # the weight's, which says so itself
}

OPERATORS: dict[str, Operator] = {
    "Embedding": Operator(_embedding, {**_EMBEDDING, "sparse_grad": IGNORED}, 2, 2, any_rank=True, becomes=("cast", "gather")),
    "_contrib_SparseEmbedding": Operator(
        _embedding, {**_EMBEDDING, "deterministic": IGNORED}, 2, 2, becomes=("cast", "gather")
    ),
    "take": Operator(
        _take,
        {"axis": Field("int", 0), "mode": enum("clip", "wrap", "raise", default="clip")},
        2,
        2,
        any_rank=True,
        becomes=("cast", "gather"),
    ),
    "pick": Operator(
        _pick,
        {
            "axis": Field("int", -1, optional=True),
            "keepdims": Field("bool", False),
            "mode": enum("clip", "wrap", default="clip"),
        },
        2,
        2,
        refuse=lambda attrs: "axis=None, which MXNet does not take either" if attrs["axis"] is None else None,
        becomes=("cast", "reshape", "gather_elements"),
    ),
    "batch_take": Operator(_batch_take, None, 2, 2, becomes=("cast", "reshape", "gather_elements")),
    "gather_nd": Operator(_gather_nd, None, 2, 2, becomes=("cast", "gather_nd")),
    "one_hot": Operator(
        _one_hot,
        {
            "depth": Field("int", low=1),
            "on_value": Field("double", 1.0),
            "off_value": Field("double", 0.0),
            "dtype": Field("dtype", "f32"),
        },
        any_rank=True,
        becomes=("cast", "one_hot"),
    ),
}
