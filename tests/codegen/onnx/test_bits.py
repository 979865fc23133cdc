"""Operators on bits as ONNX Runtime computes them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ngc.ir import GraphBuilder
from ngc.ir.tensor_type import DTYPES
from tests.onnx_models import EXAMPLES, assert_agrees, finish, numbers
from tests.operator_samples.bits import NAMES


@EXAMPLES
@given(st.sampled_from(NAMES), st.sampled_from(("u8", "i8", "i32", "i64")), st.sampled_from([None, 0.0, 1.0, 7.0, 8.0, 31.0, 100.0, -1.0]), st.booleans(),
       st.integers(0, 99))
def test_integers(name: str, dtype: str, scalar: float | None, reverse: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    feeds = {"a": numbers(rng, dtype, (5, 9)), "b": rng.integers(0 if dtype == "u8" else -2, 70, (9,)).astype(DTYPES[dtype])}
    b = GraphBuilder()
    x, y = (b.input(key, array.shape, dtype) for key, array in feeds.items())
    assert_agrees(finish(b, b.op(name, x, y, reverse=reverse) if scalar is None else b.op(name, x, scalar=scalar, reverse=reverse)), feeds)
