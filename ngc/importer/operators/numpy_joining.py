"""MXNet's numpy names: joining tensors and cutting them up."""

from collections.abc import Callable, Sequence

from ngc.importer.attributes import Field
from ngc.importer.operators.conversion import MAX_OUTPUTS, NUM_ARGS, Conversion, Operator, named_outputs
from ngc.importer.operators.slicing import split_at, split_at_outputs
from ngc.ir import Dim, Shape, Value
from ngc.ir.tensor_type import product


def _joined(conversion: Conversion, parts: Sequence[Value], axis: int) -> list[Value]:
    return [conversion.op("concat", *parts, axis=axis) if len(parts) > 1 else conversion.op("identity", parts[0])]


def _shaped(conversion: Conversion, shape_of: Callable[[Shape], Sequence[Dim]]) -> list[Value]:
    """Returns the operands under the shapes that a function gives them."""
    return [conversion.reshape(value, shape_of(value.type.shape), part=f"part{number}") for number, value in enumerate(conversion.inputs)]


def _concatenate(conversion: Conversion) -> list[Value]:
    axis = conversion.attrs["axis"]
    if axis is None:
        return _joined(conversion, _shaped(conversion, lambda shape: (product(shape),)), 0)
    return _joined(conversion, conversion.inputs, conversion.axis(axis))


def _hstack(conversion: Conversion) -> list[Value]:
    """Joins vectors on their only axis, others on the second."""
    parts = _shaped(conversion, lambda shape: shape or (1,))
    return _joined(conversion, parts, min(1, parts[0].type.rank - 1))


def _vstack(conversion: Conversion) -> list[Value]:
    return _joined(conversion, _shaped(conversion, lambda shape: shape if len(shape) > 1 else (1, *(shape or (1,)))), 0)


def _dstack(conversion: Conversion) -> list[Value]:
    def shape_of(shape: Shape) -> Sequence[Dim]:
        return shape if len(shape) > 2 else (*shape, 1) if len(shape) == 2 else (1, *(shape or (1,)), 1)

    return _joined(conversion, _shaped(conversion, shape_of), 2)


def _column_stack(conversion: Conversion) -> list[Value]:
    return _joined(conversion, _shaped(conversion, lambda shape: shape if len(shape) > 1 else (*(shape or (1,)), 1)), 1)


_SPLIT = {
    "indices": Field("shape", ()), "axis": Field("int", 0), "squeeze_axis": Field("bool", False), "sections": Field("int", 0, high=MAX_OUTPUTS),
}
_out = named_outputs("out")
_STACKED = ("reshape", "concat", "identity")

OPERATORS = {
    "_npi_concatenate": Operator(_concatenate, {"axis": Field("int", 0, optional=True), **NUM_ARGS}, 1, None, outputs=_out, any_rank=True,
                                 becomes=_STACKED),
    **{f"_npi_{name}": Operator(convert, NUM_ARGS, 1, None, outputs=_out, any_rank=True, becomes=_STACKED)
       for name, convert in (("hstack", _hstack), ("dstack", _dstack))},
    **{f"_npi_{name}": Operator(convert, NUM_ARGS, 1, None, any_rank=True, becomes=_STACKED)
       for name, convert in (("vstack", _vstack), ("column_stack", _column_stack))},
    **{name: Operator(split_at, _SPLIT, outputs=split_at_outputs, becomes=("slice", "reshape")) for name in ("_npi_hsplit", "_npi_dsplit")},
}
