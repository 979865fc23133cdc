"""Operators on the bits of integers: and, or, exclusive or, and shifts.

Signed integers are two's complements. A shift by less than 0 or by all bits or more is one by all of them, as in MXNet 2.0: it leaves zeros, and of a negative
number that is shifted right, whose sign fills the places that become free, -1.
"""

from collections.abc import Callable

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.opdef import Attrs, Types
from ngc.ir.ops.elementwise import BinaryFunction, binary_infer, binary_opdef
from ngc.ir.tensor_type import TensorType

_INTEGERS = ("u8", "i8", "i32", "i64")


def _inside(a: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.asarray((places >= 0) & (places < 8 * a.dtype.itemsize))


def _shift_left(a: np.ndarray, places: np.ndarray) -> np.ndarray:
    inside = _inside(a, places)
    return np.where(inside, np.left_shift(a, np.where(inside, places, 0).astype(a.dtype)), 0)


def _shift_right(a: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.right_shift(a.astype(np.int64), np.where(_inside(a, places), places, 63).astype(np.int64))


BITWISE: dict[str, BinaryFunction] = {"bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor}

SHIFTS: dict[str, BinaryFunction] = {"shift_left": _shift_left, "shift_right": _shift_right}


def _infer(name: str) -> Callable[[Types, Attrs], tuple[TensorType, ...]]:
    of_any = binary_infer(name)

    def infer(types: Types, attrs: Attrs) -> tuple[TensorType, ...]:
        if types[0].dtype not in _INTEGERS:
            raise VerifyError(f"{name} takes integers, not {types[0].dtype}")
        return of_any(types, attrs)

    return infer


OPS = (
    *(binary_opdef(name, function, _infer(name), commutative=True, doc=f"{name} of integers, or of one and a scalar.") for name, function in BITWISE.items()),
    *(binary_opdef(name, function, _infer(name), commutative=False, doc="Bits of the first operand moved by as many places as the second says.")
      for name, function in SHIFTS.items()),
)
