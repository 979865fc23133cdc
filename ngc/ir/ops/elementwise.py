"""Element-wise operators of one and two operands, selection and casts."""

import math
from collections.abc import Callable

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Arrays, Attr, Attrs, OpDef, Types
from ngc.ir.tensor_type import DTYPES, Dim, Shape, TensorType, format_shape
from ngc.ir.unary import UNARY, evaluate_unary

BinaryFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


def broadcast(a: Shape, b: Shape, name: str = "broadcast") -> Shape:
    """Returns the shape of two operands aligned at the right, as numpy does; VerifyError where they do not fit."""
    rank = max(len(a), len(b))
    result: list[Dim] = []
    for left, right in zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True):
        if left != right and left != 1 and right != 1:
            raise VerifyError(f"{name}: shapes {format_shape(a)} and {format_shape(b)} cannot be broadcast together")
        result.append(right if left == 1 else left)
    return tuple(result)


def _mod(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    safe = np.where(b == 0, np.ones_like(b), b)
    return np.where(b == 0, np.zeros_like(a), np.mod(a, safe))


def _div(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return np.asarray(np.divide(a, b))
    safe = np.where(b == 0, np.ones_like(b), b)
    below = np.floor_divide(a, safe)
    towards_zero = below + ((np.remainder(a, safe) != 0) & ((a < 0) != (b < 0)))
    return np.where(b == 0, 0, towards_zero)


def _power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.power(a.astype(np.float64), b.astype(np.float64))


BINARY: dict[str, BinaryFunction] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": _div, "mod": _mod, "power": _power,
    "maximum": np.maximum, "minimum": np.minimum, "hypot": lambda a, b: np.hypot(a.astype(np.float64), b.astype(np.float64)),
    "equal": np.equal, "not_equal": np.not_equal, "greater": np.greater, "greater_equal": np.greater_equal,
    "lesser": np.less, "lesser_equal": np.less_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
}
"""Operators of two operands, or of one and the attribute `scalar`. Comparisons return 0 and 1 in the operands' dtype, x mod 0 is 0,
integers divide toward zero and by zero to 0."""

COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "hypot", "equal", "not_equal", "logical_and", "logical_or", "logical_xor"})


def binary_infer(name: str) -> Callable[[Types, Attrs], tuple[TensorType, ...]]:
    def infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
        if (len(types) == 2) == (attrs["scalar"] is not None):
            raise VerifyError(f"{name} takes either two operands or one and the attribute scalar")
        if len(types) == 1:
            return (types[0],)
        if types[0].dtype != types[1].dtype:
            raise VerifyError(f"{name} takes operands of one dtype, not {types[0].dtype} and {types[1].dtype}")
        return (TensorType(broadcast(types[0].shape, types[1].shape, name), types[0].dtype),)

    return infer


def scalar_array(scalar: float, dtype: np.dtype) -> np.ndarray:
    """Returns the scalar in the data's dtype; for integers it is truncated first, as MXNet does, and what 64 bits do not hold is their least number."""
    if dtype.kind in "iub":
        held = math.trunc(scalar) if -(2.0**63) <= scalar < 2.0**63 else 0 if not math.isfinite(scalar) else -(2**63)
        return np.array(held).astype(dtype)
    return np.array(scalar, dtype)


def _binary_evaluate(function: BinaryFunction) -> Callable[[Arrays, Attrs], tuple[np.ndarray, ...]]:
    def evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
        a = arrays[0]
        b = arrays[1] if len(arrays) == 2 else scalar_array(attrs["scalar"], a.dtype)
        if attrs["reverse"]:
            a, b = b, a
        with np.errstate(all="ignore"):
            return (np.asarray(function(a, b)).astype(arrays[0].dtype),)

    return evaluate


def _unary_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    return (types[0],)


def _unary(name: str) -> OpDef:
    names = tuple(param for param, _ in UNARY[name].params)

    def evaluate(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
        return (evaluate_unary(name, arrays[0], tuple(attrs[param] for param in names)),)

    traits = {"unary", "elementwise"} | ({"activation"} if UNARY[name].is_activation else set())
    return OpDef(name, ("x",), _unary_infer, evaluate, {param: Attr("float", default) for param, default in UNARY[name].params},
                 frozenset(traits), doc=f"{name}(x), element by element.")


def binary_opdef(name: str, function: BinaryFunction, infer: Callable[[Types, Attrs], tuple[TensorType, ...]], *, commutative: bool, doc: str = "") -> OpDef:
    """Returns the record of an operator of two operands with broadcasting, or of one and the attribute `scalar`."""
    return OpDef(name, ("a", "b?"), infer, _binary_evaluate(function), {"scalar": Attr("float", None), "reverse": Attr("bool", False)},
                 frozenset({"binary", "elementwise"} | ({"commutative"} if commutative else set())),
                 doc=doc or f"{name} of two operands with broadcasting, or of one and a scalar (`reverse`: the scalar first).")


def _prelu_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    x, slope = types
    if x.rank < 2 or slope.shape not in ((x.shape[1],), (1,)):
        raise VerifyError(f"prelu: slopes need the shape ({x.shape[1] if x.rank > 1 else '?'},) or (1,), not {format_shape(slope.shape)}")
    return (x,)


def _prelu(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    x, slope = arrays
    return (np.where(x > 0, x, x * slope.reshape(-1, *(1,) * (x.ndim - 2))).astype(x.dtype),)


def _where_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    condition, a, b = types
    if a != b:
        raise VerifyError(f"where takes two operands of one type, not {a} and {b}")
    if condition.shape not in (a.shape, a.shape[:1]):
        raise VerifyError(f"where: the condition needs the shape {format_shape(a.shape)} or {format_shape(a.shape[:1])}, not {format_shape(condition.shape)}")
    return (a,)


def _where(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    condition, a, b = arrays
    if condition.ndim != a.ndim:
        condition = condition.reshape(-1, *(1,) * (a.ndim - 1))
    return (np.where(condition != 0, a, b),)


def _cast_infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
    return (TensorType(types[0].shape, attrs["dtype"]),)


def cast_array(x: np.ndarray, dtype: str) -> np.ndarray:
    """Returns x in another dtype: floats truncate toward zero, 8- and 16-bit integers wrap, INT_MIN out of range, any nonzero is True."""
    if dtype == "bf16":
        bits = np.array(x, np.float32).reshape(-1).view(np.uint32)
        absent = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
        bits += np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        bits &= np.uint32(0xFFFF0000)
        bits[absent] = 0x7FC00000
        return bits.view(np.float32).reshape(x.shape)
    target = DTYPES[dtype]
    if x.dtype.kind != "f" or target.kind in "fb":
        with np.errstate(over="ignore"):  # to f16: past its range is infinity
            return (x != 0) if target.kind == "b" else x.astype(target)
    with np.errstate(all="ignore"):
        wide = np.int32 if target.itemsize < 4 else target
        low, high = float(np.iinfo(wide).min), float(np.iinfo(wide).max)
        x = x.astype(np.float64)  # float16 cannot hold the bounds
        fits = (x >= low) & (x < high + 1)
        return np.where(fits, np.where(fits, x, 0).astype(wide), np.iinfo(wide).min).astype(target)


def _cast(arrays: Arrays, attrs: Attrs) -> tuple[np.ndarray, ...]:
    return (cast_array(arrays[0], attrs["dtype"]),)


OPS = (
    *(_unary(name) for name in UNARY),
    *(binary_opdef(name, function, binary_infer(name), commutative=name in COMMUTATIVE) for name, function in BINARY.items()),
    OpDef("prelu", ("x", "slope"), _prelu_infer, _prelu, {}, frozenset({"elementwise"}), doc="x where positive, else slope*x, a slope per channel or one."),
    OpDef("where", ("condition", "a", "b"), _where_infer, _where, {}, frozenset({"elementwise"}), doc="a where the condition is not zero, else b."),
    OpDef("cast", ("x",), _cast_infer, _cast, {"dtype": Attr("str", choices=(*DTYPES, "bf16"))}, frozenset({"elementwise"}), doc="Another element type."),
)
