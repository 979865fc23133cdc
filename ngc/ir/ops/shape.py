"""Operators that move data without computing."""

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.ops.elementwise import broadcast
from ngc.ir.tensor_type import Dim, SymDim, TensorType, format_shape, product


def concrete(shape: tuple[Dim, ...], elements: int) -> tuple[int, ...]:
    """Returns the target shape with N bound so that it holds `elements`."""
    fixed, factor = 1, 1
    for dim in shape:
        if isinstance(dim, SymDim):
            factor = dim.factor
            fixed *= dim.factor
        else:
            fixed *= dim
    batch = elements // fixed if fixed else 0
    return tuple(factor * batch if isinstance(dim, SymDim) else dim for dim in shape)


def _reshape_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    if product(types[0].shape) != product(attrs["shape"]):
        raise VerifyError(f"reshape: {format_shape(types[0].shape)} holds {product(types[0].shape)} elements, {format_shape(attrs['shape'])} "
                          f"holds {product(attrs['shape'])}")
    return (types[0].with_shape(attrs["shape"]),)


def _reshape(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (arrays[0].reshape(concrete(attrs["shape"], arrays[0].size)),)


def _transpose_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    if sorted(attrs["axes"]) != list(range(types[0].rank)):
        raise VerifyError(f"transpose: axes {attrs['axes']} are no permutation of the axes of {format_shape(types[0].shape)}")
    return (types[0].with_shape(types[0].shape[axis] for axis in attrs["axes"]),)


def _transpose(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (np.ascontiguousarray(arrays[0].transpose(attrs["axes"])),)


def _concat_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    first, axis = types[0], attrs["axis"]
    if not 0 <= axis < first.rank:
        raise VerifyError(f"concat: axis {axis} is outside a tensor of rank {first.rank}")
    total: Dim = 0
    for type in types:
        if type.dtype != first.dtype or type.quant != first.quant or type.rank != first.rank or any(
                a != b for position, (a, b) in enumerate(zip(type.shape, first.shape, strict=True)) if position != axis):
            raise VerifyError(f"concat on axis {axis}: {type} does not fit {first}")
        total = type.shape[axis] + total
    return (first.with_shape((*first.shape[:axis], total, *first.shape[axis + 1:])),)


def _concat(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (np.concatenate(arrays, axis=attrs["axis"]),)


def slices(attrs: Attrs) -> tuple[slice, ...]:
    """Returns the attributes begin, end and step as Python slices, one per axis."""
    return tuple(slice(*bounds) for bounds in zip(attrs["begin"], attrs["end"], attrs["step"], strict=True))


def _slice_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if not len(attrs["begin"]) == len(attrs["end"]) == len(attrs["step"]) == x.rank or 0 in attrs["step"]:
        raise VerifyError(f"slice: begin, end and step need {x.rank} values each and no step of 0 for data {format_shape(x.shape)}")
    shape: list[Dim] = []
    for dim, part in zip(x.shape, slices(attrs), strict=True):
        if isinstance(dim, SymDim):
            if part.start not in (None, 0) or part.stop is not None or part.step not in (None, 1):
                raise VerifyError(f"slice: the dimension {dim} can only be taken whole; compile with a fixed batch instead")
            shape.append(dim)
        else:
            shape.append(len(range(*part.indices(dim))))
    if 0 in shape:
        raise VerifyError(f"slice: begin {attrs['begin']}, end {attrs['end']} leave nothing of data {format_shape(x.shape)}")
    return (x.with_shape(shape),)


def _slice(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (np.ascontiguousarray(arrays[0][slices(attrs)]),)


def pad_widths(attrs: Attrs) -> list[tuple[int, int]]:
    """Returns (before, after) per axis."""
    flat = attrs["widths"]
    return list(zip(flat[::2], flat[1::2], strict=True))


def _pad_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if len(attrs["widths"]) != 2 * x.rank or min(attrs["widths"]) < 0:
        raise VerifyError(f"pad: widths need {2 * x.rank} values of at least 0 for data {format_shape(x.shape)}, not {attrs['widths']}")
    shape: list[Dim] = []
    for dim, (before, after) in zip(x.shape, pad_widths(attrs), strict=True):
        if attrs["mode"] == "reflect" and not isinstance(dim, SymDim) and max(before, after) >= dim:
            raise VerifyError(f"pad: reflection by {max(before, after)} needs a dimension larger than that, not {dim}")
        shape.append(dim + (before + after))
    return (x.with_shape(shape),)


def _pad(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    if attrs["mode"] == "constant":
        return (np.pad(arrays[0], pad_widths(attrs), constant_values=attrs["value"]).astype(arrays[0].dtype),)
    return (np.pad(arrays[0], pad_widths(attrs), mode=attrs["mode"]),)


def _upsample_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x = types[0]
    if len(attrs["scale"]) != x.rank - 2 or min(attrs["scale"]) < 1:
        raise VerifyError(f"upsample: scale needs {x.rank - 2} values of at least 1 for data {format_shape(x.shape)}, not {attrs['scale']}")
    return (x.with_shape((*x.shape[:2], *(dim * scale for dim, scale in zip(x.shape[2:], attrs["scale"], strict=True)))),)


def _upsample(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    for axis, scale in enumerate(attrs["scale"], 2):
        x = np.repeat(x, scale, axis)
    return (x,)


def _broadcast_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    if broadcast(types[0].shape, attrs["shape"], "broadcast_to") != attrs["shape"]:
        raise VerifyError(f"broadcast_to: {format_shape(types[0].shape)} does not broadcast to {format_shape(attrs['shape'])}")
    return (types[0].with_shape(attrs["shape"]),)


def _broadcast(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x = arrays[0]
    batch = next((x.shape[x.ndim - len(attrs["shape"]) + position] // dim.factor for position, dim in enumerate(attrs["shape"])
                  if isinstance(dim, SymDim)), 1)
    return (np.ascontiguousarray(np.broadcast_to(x, tuple(dim.factor * batch if isinstance(dim, SymDim) else dim for dim in attrs["shape"]))),)


OPS = (
    OpDef("reshape", ("x",), _reshape_infer, _reshape, {"shape": Attr("shape")}, frozenset({"view"}),
          doc="The same elements in row-major order under another shape."),
    OpDef("transpose", ("x",), _transpose_infer, _transpose, {"axes": Attr("ints")}, doc="Axes permuted: result axis i is axis axes[i] of x."),
    OpDef("concat", ("x*",), _concat_infer, _concat, {"axis": Attr("int", 1)}, doc="Operands joined along `axis`."),
    OpDef("slice", ("x",), _slice_infer, _slice, {"begin": Attr("bounds"), "end": Attr("bounds"), "step": Attr("bounds")},
          doc="A part per axis, Python's slice(begin, end, step); none is an open end."),
    OpDef("pad", ("x",), _pad_infer, _pad,
          {"mode": Attr("str", "constant", ("constant", "edge", "reflect")), "widths": Attr("ints"), "value": Attr("float", 0.0)},
          doc="A border: (before, after) per axis."),
    OpDef("upsample", ("x",), _upsample_infer, _upsample, {"scale": Attr("ints")}, doc="Each spatial element repeated `scale` times."),
    OpDef("broadcast_to", ("x",), _broadcast_infer, _broadcast, {"shape": Attr("shape")}, doc="Dimensions of one repeated to `shape`."),
)
