"""Operators on sequences of different lengths in one tensor: their time axis is 0 or 1, and the other one of the two counts the sequences."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.indexing import INDEX_DTYPES
from ngc.ir.tensor_type import TensorType, format_shape


def _mask_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, lengths = types
    if attrs["axis"] not in (0, 1) or x.rank < 2:
        raise VerifyError(f"sequence_mask: the time axis is 0 or 1 of data of at least 2 dimensions, not {attrs['axis']} of {format_shape(x.shape)}")
    wanted = (x.shape[1 - attrs["axis"]],)
    if lengths.dtype not in INDEX_DTYPES or lengths.shape != wanted:
        raise VerifyError(f"sequence_mask: lengths are i32 or i64 of shape {format_shape(wanted)}, not {lengths}")
    return (x,)


def _mask(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, lengths = arrays
    times = np.arange(x.shape[attrs["axis"]])
    inside = times[:, None] < lengths if attrs["axis"] == 0 else times < lengths[:, None]
    return (np.where(inside.reshape(*inside.shape, *(1,) * (x.ndim - 2)), x, np.array(attrs["value"]).astype(x.dtype)),)


OPS: tuple[OpDef, ...] = (
    OpDef("sequence_mask", ("x", "lengths"), _mask_infer, _mask, {"axis": Attr("int", 0), "value": Attr("float", 0.0)},
          doc="x where the position along the time axis is below the sequence's length, else `value`."),
)
