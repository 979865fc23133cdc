"""Operators that take tensors without elements have results for them, and the others say so when they are appended."""

from typing import Any

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, opdef


@pytest.mark.parametrize(("op", "shapes", "attrs"), [
    ("softmax", [(2, 0)], {}), ("softmax", [(0, 3)], {}), ("log_softmax", [(2, 0)], {}), ("log_softmax", [(2, 0, 3)], {"axis": 1}),
    ("attention", [(2, 3, 4), (2, 0, 4), (2, 0, 5)], {}), ("attention", [(2, 0, 4), (2, 3, 4), (2, 3, 5)], {}),
    ("group_norm", [(0, 4, 3), (4,), (4,)], {"groups": 2}), ("lu_pivots", [(2, 0, 0)], {}), ("lu_pivots", [(0, 3, 3)], {}), ("eigh", [(0, 3, 3)], {}),
])  # fmt: skip
def test_what_is_inferred_is_computed(op: str, shapes: list[tuple[int, ...]], attrs: dict[str, Any]) -> None:
    builder = GraphBuilder()
    inferred = builder.op(op, *(builder.input(f"x{number}", shape) for number, shape in enumerate(shapes)), **attrs)
    definition = opdef(op)
    found = definition.evaluate_arrays([np.ones(shape, np.float32) for shape in shapes], definition.check_attrs(attrs))[0]
    np.testing.assert_array_equal(found, np.zeros(inferred.type.shape, np.float32))  # attention without keys sums nothing


def test_no_rows_have_no_eigenvectors() -> None:
    builder = GraphBuilder()
    with pytest.raises(VerifyError, match=r"eigh takes matrices of at least one row, not f32\[2,0,0\]"):
        builder.op("eigh", builder.input("x", (2, 0, 0)))
