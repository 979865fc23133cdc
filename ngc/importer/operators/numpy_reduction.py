"""MXNet's numpy names: reductions. A full reduction has no dimensions; truth values and the means of integers change the element type."""

from collections.abc import Callable

import numpy as np

from ngc.importer.attributes import Attributes, Field
from ngc.importer.operators.conversion import Conversion, Operator, named_outputs
from ngc.importer.operators.numpy_common import DTYPE, cast, is_float
from ngc.importer.operators.reduction import INTEGER_NORM
from ngc.ir import Value
from ngc.ir.tensor_type import DTYPES, product


def _axes(conversion: Conversion, axis: tuple[int, ...] | None) -> tuple[int, ...]:
    """Returns the axes to reduce, counted from the front; all where none are named."""
    return tuple(range(conversion.rank)) if axis is None else tuple(sorted(conversion.axes(axis)))


def _reduce(conversion: Conversion, op: str, data: Value, axes: tuple[int, ...], part: str = "", keepdims: bool | None = None) -> Value:
    """Returns a reduction; of no axes it is the data."""
    if not axes:
        return conversion.op("identity", data, part=part)
    return conversion.op(op, data, part=part, axes=axes, keepdims=conversion.attrs["keepdims"] if keepdims is None else keepdims)


def _result(conversion: Conversion, value: Value, dtype: str) -> list[Value]:
    return [value if value.type.dtype == dtype else conversion.op("cast", value, dtype=dtype)]


def _fold(op: str) -> Callable[[Conversion], list[Value]]:
    """Sums and products: of truth values they are i64, `dtype` says another type."""

    def convert(conversion: Conversion) -> list[Value]:
        data = conversion.data
        dtype = conversion.attrs["dtype"] or ("i64" if data.type.dtype == "bool" else data.type.dtype)
        return [_reduce(conversion, op, cast(conversion, data, dtype, "typed"), _axes(conversion, conversion.attrs["axis"]))]

    return convert


def _extreme(op: str) -> Callable[[Conversion], list[Value]]:
    return lambda conversion: [_reduce(conversion, op, conversion.data, _axes(conversion, conversion.attrs["axis"]))]


def _truth(op: str) -> Callable[[Conversion], list[Value]]:
    """Whether any or all elements are not zero: the largest or smallest of zeros and ones."""

    def convert(conversion: Conversion) -> list[Value]:
        data = cast(conversion, conversion.data, "i32", "numbers") if conversion.data.type.dtype == "bool" else conversion.data
        ones = conversion.op("not_equal", data, part="ones", scalar=0.0)
        return _result(conversion, _reduce(conversion, op, ones, _axes(conversion, conversion.attrs["axis"]), "chosen"), "bool")

    return convert


def _mean(conversion: Conversion) -> list[Value]:
    data = conversion.data
    dtype = conversion.attrs["dtype"] or (data.type.dtype if is_float(data) else "f32")
    return [_reduce(conversion, "reduce_mean", cast(conversion, data, dtype, "typed"), _axes(conversion, conversion.attrs["axis"]))]


def _variance(root: bool) -> Callable[[Conversion], list[Value]]:
    """The mean of squared distances from the mean, times count / (count - ddof)."""

    def convert(conversion: Conversion) -> list[Value]:
        data, attrs = conversion.data, conversion.attrs
        conversion.expect_floats("MXNet truncates the mean of others to integers first, whatever dtype is given")
        data = cast(conversion, data, attrs["dtype"] or data.type.dtype, "typed")
        axes = _axes(conversion, attrs["axis"])
        mean = _reduce(conversion, "reduce_mean", data, axes, "mean", keepdims=True)
        square = conversion.op("square", conversion.op("sub", data, mean, part="centred"), part="square")
        factor = 1.0
        if attrs["ddof"]:
            count = conversion.fixed(product(conversion.shape[axis] for axis in axes), "the number of elements")
            if count <= attrs["ddof"]:
                raise conversion.fail(f"ddof = {attrs['ddof']} of {count} elements")
            factor = count / (count - attrs["ddof"])
        scaled = factor != 1
        result = _reduce(conversion, "reduce_mean", square, axes, "variance" if scaled or root else "")
        if scaled:
            result = conversion.op("mul", result, part="scaled" if root else "", scalar=factor)
        return [conversion.op("sqrt", result) if root else result]

    return convert


def _average(conversion: Conversion) -> list[Value | None]:
    """sum(a * w) / sum(w), and the sum of the weights where it is asked for."""
    attrs, data = conversion.attrs, conversion.data
    conversion.expect_floats("MXNet truncates averages of others to integers")
    axes = _axes(conversion, attrs["axis"])
    if not attrs["weighted"]:
        mean = _reduce(conversion, "reduce_mean", data, axes, "output0" if attrs["returned"] else "", keepdims=False)
        if 1 not in conversion.needed:
            return [mean, None]
        count = conversion.fixed(product(conversion.shape[axis] for axis in axes), "the number of elements")
        number = conversion.const("count", np.array(count, DTYPES.get(data.type.dtype, np.dtype(np.float32))))
        return [mean, conversion.op("identity", number, part="output1")]
    if len(conversion.inputs) != 2:
        raise conversion.fail("weighted = True without weights")
    weights = cast(conversion, conversion.inputs[1], data.type.dtype, "weights")
    along_axis = weights.type.shape != conversion.shape
    if along_axis:
        if len(axes) != 1 or weights.type.shape != (conversion.shape[axes[0]],):
            raise conversion.fail("weights have the shape of the data, or that of the one axis")
        weights = conversion.reshape(weights, (weights.type.shape[0], *(1,) * (conversion.rank - 1 - axes[0])), part="along")
    product_ = conversion.op("mul", data, weights, part="weighted")
    total = _reduce(conversion, "reduce_sum", product_, axes, "total", keepdims=False)
    # The sum of one axis' weights is one number, which MXNet returns without dimensions.
    summed = tuple(range(weights.type.rank)) if along_axis else axes
    scale = _reduce(conversion, "reduce_sum", weights, summed, "output1" if attrs["returned"] else "scale", keepdims=False)
    return [conversion.op("div", total, scale, part="output0" if attrs["returned"] else ""), scale]


def _index(op: str) -> Callable[[Conversion], list[Value]]:
    """The index of the largest or smallest element as i64; without an axis that of the data in the order of memory."""

    def convert(conversion: Conversion) -> list[Value]:
        axis, keepdims = conversion.attrs["axis"], conversion.attrs["keepdims"]
        if axis is not None:
            index = conversion.op(op, conversion.data, part="index", axis=conversion.axis(axis), keepdims=keepdims)
        else:
            flat = conversion.reshape(conversion.data, (product(conversion.shape),), part="flat")
            index = conversion.op(op, flat, part="index", axis=0, keepdims=False)
            index = conversion.reshape(index, (1,) * conversion.rank if keepdims else (), part="shaped")
        return [conversion.op("cast", index, dtype="i64")]

    return convert


def _norm(conversion: Conversion) -> list[Value]:
    conversion.expect_floats(INTEGER_NORM)
    op = "reduce_l1" if conversion.attrs["ord"] == 1 else "reduce_l2"
    return [_reduce(conversion, op, conversion.data, _axes(conversion, conversion.attrs["axis"]))]


_OF_ALL, _OF_VECTORS = -2, 1
"""Flags of `_npi_norm`: the root of all squares, and the norms of vectors along one axis."""


def _refuse_norm(attrs: Attributes) -> str | None:
    if attrs["flag"] == _OF_ALL and attrs["axis"] is None:
        return None
    if attrs["flag"] == _OF_VECTORS and attrs["axis"] is not None and len(attrs["axis"]) == 1 and attrs["ord"] in (1, 2):
        return None
    return f"ord={attrs['ord']:g}, axis={attrs['axis']}: norms of matrices"


def _refuse_initial(attrs: Attributes) -> str | None:
    return None if attrs["initial"] is None else f"initial={attrs['initial']:g}, which MXNet does not have"


_AXIS = {"axis": Field("shape", None, optional=True), "keepdims": Field("bool", False)}
_INITIAL = {"initial": Field("double", None, optional=True)}


def _of(convert: Callable[[Conversion], list[Value]], *becomes: str) -> Operator:
    return Operator(convert, {**_AXIS, **_INITIAL}, refuse=_refuse_initial, any_rank=True, becomes=(*becomes, "identity"))


def _folding(op: str) -> Operator:
    return Operator(_fold(op), {**_AXIS, **_INITIAL, **DTYPE}, refuse=_refuse_initial, any_rank=True, becomes=(op, "cast", "identity"))


OPERATORS = {
    "_np_sum": _folding("reduce_sum"),
    "_np_prod": _folding("reduce_prod"),
    "_np_max": _of(_extreme("reduce_max"), "reduce_max"),
    "_np_min": _of(_extreme("reduce_min"), "reduce_min"),
    "_np_any": Operator(_truth("reduce_max"), _AXIS, any_rank=True, becomes=("not_equal", "reduce_max", "cast", "identity")),
    "_np_all": Operator(_truth("reduce_min"), _AXIS, any_rank=True, becomes=("not_equal", "reduce_min", "cast", "identity")),
    **{f"_npi_{op}": Operator(_index(op), {"axis": Field("int", None, optional=True), "keepdims": Field("bool", False)}, becomes=(op, "reshape", "cast"))
       for op in ("argmax", "argmin")},
    "_npi_mean": Operator(_mean, {**_AXIS, **_INITIAL, **DTYPE}, refuse=_refuse_initial, any_rank=True, becomes=("reduce_mean", "cast", "identity")),
    **{f"_npi_{name}": Operator(_variance(root), {**_AXIS, **DTYPE, "ddof": Field("int", 0, low=0)}, outputs=named_outputs(name), any_rank=True,
                                becomes=("reduce_mean", "square", "sub", "mul", "sqrt", "cast", "identity")) for name, root in (("var", False), ("std", True))},
    "_npi_average": Operator(
        _average, {"axis": Field("shape", None, optional=True), "returned": Field("bool", False), "weighted": Field("bool", True)}, 1, 2,
        outputs=lambda attrs: ("output0", "output1")[:1 + attrs["returned"]], any_rank=True,
        becomes=("reduce_mean", "reduce_sum", "mul", "div", "cast", "reshape", "identity")),
    "_npi_norm": Operator(_norm, {**_AXIS, "ord": Field("double", 2.0), "flag": Field("int", -1)}, refuse=_refuse_norm, outputs=named_outputs("output0"),
                          any_rank=True, becomes=("reduce_l1", "reduce_l2", "identity")),
}
