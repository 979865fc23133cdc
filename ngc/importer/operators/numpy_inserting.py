"""MXNet's numpy names: insertion of values before elements along an axis, or of the flattened data, at places that are known.

What the result has is told by an index of the data and the values joined: data a, b, c with x and y inserted before 1 and 3 is [0, 3, 1, 2, 4]. Values are
broadcast as numpy does; where they do not fit, MXNet reads past their end.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ngc.importer.attributes import Field, Schema
from ngc.importer.constant_values import constant_value
from ngc.importer.operators.conversion import Conversion, Operator
from ngc.importer.operators.numpy_common import broadcast_to, cast
from ngc.importer.source_bytes import Array
from ngc.ir import Value
from ngc.ir.tensor_type import DTYPES, product

_Places = Callable[[Conversion, int], Sequence[int] | int]
"""Returns the places where to insert into an axis of a length; a single one, which all values go to, as a number."""


def _at_one(conversion: Conversion, size: int) -> int:
    place = conversion.attrs["int_ind"]
    if place is None:
        raise conversion.fail("int_ind is missing")
    return int(place)


def _at_slice(conversion: Conversion, size: int) -> Sequence[int]:
    bounds = slice(*(conversion.attrs[name] for name in ("start", "stop", "step")))
    if bounds.step == 0:
        raise conversion.fail("step = 0: expected another number")
    return range(*bounds.indices(size))


def _at_tensor(conversion: Conversion, size: int) -> Sequence[int] | int:
    index = constant_value(conversion.inputs[-1])
    if index is None:
        raise conversion.fail("places that are data: expected a constant")
    if index.ndim > 1 or index.dtype.kind not in "iu":
        raise conversion.fail(f"places of {index.ndim} dimensions and {index.dtype}: expected integers of one dimension at most")
    return int(index) if index.ndim == 0 else [int(place) for place in index]


def _insert(places_of: _Places, operands: int) -> Callable[[Conversion], list[Value]]:
    """Returns the converter of an operator that has `operands` operands where the values are one of them."""

    def convert(conversion: Conversion) -> list[Value]:
        wanted = operands if conversion.attrs["val"] is None else operands - 1
        if len(conversion.inputs) != wanted:
            raise conversion.fail(f"{len(conversion.inputs)} operands with val={conversion.attrs['val']}, expected {wanted}")
        flat = conversion.attrs["axis"] is None
        data = conversion.reshape(conversion.data, (product(conversion.shape),), part="flat") if flat else conversion.data
        axis = 0 if flat else conversion.axis(conversion.attrs["axis"])
        size = conversion.fixed(data.type.shape[axis], "the axis to insert into")
        places = places_of(conversion, size)
        values = _values(conversion, data, axis if isinstance(places, int) else None)
        if isinstance(places, int) or len(places) == 1:
            place = places if isinstance(places, int) else places[0]
            places = [place] * conversion.fixed(values.type.shape[axis], "the number of values")
        return [_inserted(conversion, data, values, axis, places)]

    return convert


def _values(conversion: Conversion, data: Value, at_one: int | None) -> Value:
    """Returns what to insert, with as many axes as the data; values for one place are told apart along their first axis, which then becomes `at_one`."""
    rank = data.type.rank
    if conversion.attrs["val"] is not None:
        return conversion.const("values", np.full((1,) * rank, conversion.attrs["val"]).astype(DTYPES[data.type.dtype]))
    values = cast(conversion, conversion.inputs[1], data.type.dtype, "typed")
    shape = values.type.shape
    if len(shape) > rank:
        raise conversion.fail(f"values of {len(shape)} dimensions for data of {rank}")
    values = conversion.reshape(values, (*(1,) * (rank - len(shape)), *shape), part="aligned")
    if not at_one:
        return values
    return conversion.transpose(values, (*range(1, at_one + 1), 0, *range(at_one + 1, rank)), part="moved")


def _inserted(conversion: Conversion, data: Value, values: Value, axis: int, places: Sequence[int]) -> Value:
    size = conversion.fixed(data.type.shape[axis], "the axis to insert into")
    if any(not -size <= place <= size for place in places):
        raise conversion.fail(f"places {list(places)} in an axis of {size}: expected {-size} to {size}")
    if not places:
        return conversion.op("identity", data)
    conversion.check_generated(size + len(places))
    counted = np.array([place % size if place < 0 else place for place in places])
    order: Array = np.insert(np.arange(size), counted, size + np.arange(len(places))).astype(np.int32)
    wide = broadcast_to(conversion, values, (*data.type.shape[:axis], len(places), *data.type.shape[axis + 1:]), "wide")
    joined = conversion.op("concat", data, wide, part="joined", axis=axis)
    return conversion.op("gather", joined, conversion.const("order", order), axis=axis)


_NUMBER = Field("int", None, optional=True)
_SCHEMA: Schema = {"val": Field("double", None, optional=True), "start": _NUMBER, "stop": _NUMBER, "step": _NUMBER, "int_ind": _NUMBER, "axis": _NUMBER}


def _operator(places_of: _Places, operands: int) -> Operator:
    return Operator(_insert(places_of, operands), _SCHEMA, operands - 1, operands, any_rank=True,
                    becomes=("reshape", "cast", "transpose", "broadcast_to", "concat", "gather", "identity"))


OPERATORS = {
    "_npi_insert_scalar": _operator(_at_one, 2),
    "_npi_insert_slice": _operator(_at_slice, 2),
    "_npi_insert_tensor": _operator(_at_tensor, 3),
}
