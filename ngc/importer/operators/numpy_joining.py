"""MXNet's numpy names: joining tensors and cutting them up."""

from collections.abc import Callable, Sequence

from ngc.importer.attributes import IGNORED, Attributes, Field
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


def _hsplit(conversion: Conversion) -> Sequence[Value | None]:
    """Cuts vectors on their only axis, others on the second; MXNet does not look at `axis`."""
    return split_at(conversion, min(1, conversion.rank - 1))


def _dsplit(conversion: Conversion) -> Sequence[Value | None]:
    return split_at(conversion, _DEPTH)


_DEPTH = 2
"""The axis that `dsplit` cuts."""


def _refuse_axis(attrs: Attributes) -> str | None:
    return None if attrs["axis"] == _DEPTH else f"axis={attrs['axis']}: MXNet gives its pieces the sizes of cuts on axis {_DEPTH} and cuts the axis named"


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
    "_npi_hsplit": Operator(_hsplit, {**_SPLIT, "axis": IGNORED}, outputs=split_at_outputs, becomes=("slice", "reshape")),
    "_npi_dsplit": Operator(_dsplit, _SPLIT, refuse=_refuse_axis, outputs=split_at_outputs, becomes=("slice", "reshape")),
}
