"""Products of matrices that are data, and attention."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import STEP_ATTRS, Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.elementwise import broadcast
from ngc.ir.tensor_type import FLOATS, Shape, TensorType, format_shape, product

_INTEGER_LENGTHS = ("i32", "i64")


def _matrix(type: TensorType, transposed: bool) -> Shape:
    """Returns the shape of an operand's matrices as they are multiplied."""
    rows, columns = type.shape[-2:]
    return (columns, rows) if transposed else (rows, columns)


def _matmul_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    a, b = types
    if a.rank < 2 or b.rank < 2 or a.dtype != b.dtype or a.dtype not in FLOATS:
        raise VerifyError(f"matmul takes two operands of rank 2 or more and one dtype of floats, not {a} and {b}")
    (rows, depth), (inner, columns) = _matrix(a, attrs["transpose_a"]), _matrix(b, attrs["transpose_b"])
    if depth != inner:
        raise VerifyError(f"matmul: matrices {format_shape((rows, depth))} and {format_shape((inner, columns))} cannot be multiplied, {depth} is not {inner}")
    shape = (*broadcast(a.shape[:-2], b.shape[:-2], "matmul"), rows, columns)
    product(shape)  # one dimension at most depends on N
    return (TensorType(shape, a.dtype),)


def _matmul(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    a, b = (np.swapaxes(array, -1, -2) if attrs[name] else array for array, name in zip(arrays, ("transpose_a", "transpose_b"), strict=True))
    return (np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(arrays[0].dtype),)


def _attention_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    q, k, v, *masks = types
    if min(q.rank, k.rank, v.rank) < 2 or not q.rank == k.rank == v.rank or not q.dtype == k.dtype == v.dtype or q.dtype not in FLOATS:
        raise VerifyError(f"attention takes queries, keys and values of one rank and one dtype of floats, not {q}, {k} and {v}")
    if q.shape[:-2] != k.shape[:-2] or q.shape[:-2] != v.shape[:-2] or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise VerifyError(f"attention: queries {format_shape(q.shape)}, keys {format_shape(k.shape)} and values {format_shape(v.shape)} do not fit; "
                          "keys have the queries' elements and the values' rows")
    scores = (*q.shape[:-1], k.shape[-2])
    if len(masks) != (attrs["mask"] != "none"):
        raise VerifyError(f"attention with mask={attrs['mask']} takes {3 + (attrs['mask'] != 'none')} operands, not {len(types)}")
    if attrs["zero"] and attrs["mask"] != "select":
        raise VerifyError(f"attention: zero belongs to mask=select, not to mask={attrs['mask']}")
    for mask in masks:
        wanted, dtypes = (scores[:-1], _INTEGER_LENGTHS) if attrs["mask"] == "length" else (scores, (q.dtype,))
        if mask.shape != wanted or mask.dtype not in dtypes:
            raise VerifyError(f"attention with mask={attrs['mask']} takes a mask of shape {format_shape(wanted)} and dtype {' or '.join(dtypes)}, not {mask}")
    return (TensorType((*q.shape[:-1], v.shape[-1]), q.dtype),)


def masked_softmax(scores: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
    """Returns softmax along the last axis of doubles; from a row's length on weights are 0, and a row of length 0 has no others."""
    present = np.True_ if lengths is None else np.arange(scores.shape[-1]) < lengths[..., None]
    counted = np.where(present, scores, -np.inf)
    largest = counted.max(axis=-1, keepdims=True, initial=-np.inf)  # of no elements too
    powers = np.where(present, np.exp(counted - np.where(np.isneginf(largest) & ~np.any(present, axis=-1, keepdims=True), 0, largest)), 0)
    total = powers.sum(axis=-1, keepdims=True)
    weights: np.ndarray = np.where(present, powers / np.where(np.any(present, axis=-1, keepdims=True), total, 1), 0)
    return weights


def _attention(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    q, k, v = (array.astype(np.float64) for array in arrays[:3])
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * attrs["scale"]
    lengths = None
    match attrs["mask"]:
        case "add":
            scores = scores + arrays[3].astype(np.float64)
        case "select":
            scores = np.where(arrays[3] != 0, scores, attrs["fill"])
        case "length":
            lengths = arrays[3]
    weights = masked_softmax(scores, lengths)
    if attrs["zero"]:
        weights = weights * arrays[3].astype(np.float64)
    return (np.matmul(weights, v).astype(arrays[0].dtype),)


OPS: tuple[OpDef, ...] = (
    OpDef("matmul", ("a", "b"), _matmul_infer, _matmul, {"transpose_a": Attr("bool", False), "transpose_b": Attr("bool", False), **STEP_ATTRS},
          frozenset({"epilogue"}), channel_axis=-1,
          doc="The matrices in the last two axes of a times those of b; axes before them are broadcast as numpy does. Channels of steps are columns."),
    OpDef("attention", ("q", "k", "v", "mask?"), _attention_infer, _attention,
          {"scale": Attr("float", 1.0), "mask": Attr("str", "none", ("none", "add", "select", "length")), "fill": Attr("float", 0.0),
           "zero": Attr("bool", False)},
          doc="softmax(scale * q k^T) v over the last two axes. The mask is added to the scores, or says by nonzero which of them to keep instead of `fill`, "
              "or is how many of a row count. `zero` multiplies the weights by the mask that selects."),
)
