"""Operators that write into a part of a tensor: by coordinates, or by the bounds of a slice."""

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.creation import filled
from ngc.importer.operators.indexing import as_index
from ngc.importer.operators.slicing import slice_bounds
from ngc.ir import Value
from ngc.ir.tensor_type import format_shape


def _scatter_nd(conversion: Conversion) -> list[Value]:
    """Zeros with the data at coordinates, of which the last of equal ones counts. (MXNet writes outside of its memory where a coordinate is outside.)"""
    data, indices = conversion.inputs
    background = filled(conversion, 0, conversion.attrs["shape"], data.type.dtype, "background")
    return [conversion.op("scatter_nd", background, as_index(conversion, indices), data)]


def _scatter_set_nd(conversion: Conversion) -> list[Value]:
    base, updates, indices = conversion.inputs
    conversion.expect_shape(base, conversion.attrs["shape"], "first")
    return [conversion.op("scatter_nd", base, as_index(conversion, indices), updates)]


def _index_copy(conversion: Conversion) -> list[Value]:
    """Rows of the first operand replaced by those of the third."""
    old, index, new = conversion.inputs
    if index.type.rank != 1:
        raise conversion.fail(f"an index of shape {format_shape(index.type.shape)}, expected 1 dimension")
    row = conversion.reshape(as_index(conversion, index), (1, *index.type.shape), part="index_row")
    return [conversion.op("scatter_nd", old, row, new)]


def _slice_assign(conversion: Conversion) -> list[Value]:
    begin, end, step = slice_bounds(conversion)
    return [conversion.op("slice_update", *conversion.inputs, begin=begin, end=end, step=step)]


def _slice_assign_scalar(conversion: Conversion) -> list[Value]:
    begin, end, step = slice_bounds(conversion)
    # What is written has the shape of what a slice would read, the batch included: its elements, whatever they are, become 0 and then the scalar.
    part = conversion.op("slice", conversion.data, part="part", begin=begin, end=end, step=step)
    zeros = conversion.op("logical_and", part, part="zeros", scalar=0)
    value = conversion.op("add", zeros, part="value", scalar=conversion.attrs["scalar"])
    return [conversion.op("slice_update", conversion.data, value, begin=begin, end=end, step=step)]


_BOUNDS = {"begin": Field("optional_longs"), "end": Field("optional_longs"), "step": Field("optional_longs", ())}
_SHAPE = {"shape": Field("shape")}

OPERATORS: dict[str, Operator] = {
    "scatter_nd": Operator(_scatter_nd, _SHAPE, 2, 2, becomes=("broadcast_to", "cast", "scatter_nd")),
    "_scatter_set_nd": Operator(_scatter_set_nd, _SHAPE, 3, 3, becomes=("cast", "scatter_nd")),
    "_contrib_index_copy": Operator(_index_copy, None, 3, 3, becomes=("cast", "reshape", "scatter_nd")),
    "_slice_assign": Operator(_slice_assign, _BOUNDS, 2, 2, becomes=("slice_update",)),
    "_slice_assign_scalar": Operator(
        _slice_assign_scalar,
        {"scalar": Field("double", 0.0), **_BOUNDS},
        becomes=("slice", "logical_and", "add", "slice_update"),
    ),
}
