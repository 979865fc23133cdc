"""Operators on the bits of integers, against Python's."""

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, opdef
from ngc.ir.tensor_type import DTYPES
from tests.operator_samples.bits import NAMES

NUMBERS = (-128, -7, -1, 0, 1, 5, 90, 127)
PLACES = (-128, -1, 0, 1, 3, 6, 7, 8, 31, 32, 63, 64, 127)


def python(name: str, a: int, c: int, bits: int) -> int:
    """Returns the operation on integers of any size."""
    inside = 0 <= c < bits
    match name:
        case "bitwise_and":
            return a & c
        case "bitwise_or":
            return a | c
        case "bitwise_xor":
            return a ^ c
        case "shift_left":
            return a << c if inside else 0
    return a >> (c if inside else bits)


def wrapped(values: list[list[int]], kind: np.dtype) -> np.ndarray:
    """Returns integers of any size as a type holds them."""
    bits = 8 * kind.itemsize
    signed = np.iinfo(kind).min < 0
    return np.array([[(value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) if signed else value % 2**bits for value in row] for row in values], kind)


@pytest.mark.parametrize("dtype", ["u8", "i8", "i32", "i64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_pair(name: str, dtype: str) -> None:
    kind = DTYPES[dtype]
    a, c = (np.array(values).astype(kind).reshape(shape) for values, shape in ((NUMBERS, (-1, 1)), (PLACES, (1, -1))))
    definition = opdef(name)
    [got] = definition.evaluate_arrays([a, c], definition.check_attrs({}))
    wanted = [[python(name, int(x), int(y), 8 * kind.itemsize) for y in c.flat] for x in a.flat]
    assert got.dtype == kind
    np.testing.assert_array_equal(got, wrapped(wanted, kind))


@pytest.mark.parametrize("dtype", ["f32", "bool"])
@pytest.mark.parametrize("name", NAMES)
def test_other_types_are_refused(name: str, dtype: str) -> None:
    b = GraphBuilder()
    with pytest.raises(VerifyError, match=f"{name} takes integers, not {dtype}"):
        b.op(name, b.input("x", (3,), dtype), scalar=1.0)
