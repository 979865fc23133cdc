"""Compiled operators on bits equal the reference, for every type of integers, place and level of x86-64, with and without a batch N."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngc
from ngc.ir import GraphBuilder, SymDim, evaluate
from ngc.ir.tensor_type import DTYPES
from tests.operator_samples.bits import NAMES


@pytest.mark.parametrize("target", ["cpu:x86-64", "cpu:x86-64-v3", "cpu:x86-64-v4"])
@pytest.mark.parametrize("dtype", ["u8", "i8", "i32", "i64"])
@settings(deadline=None, max_examples=2)
@given(st.sampled_from((1, 7, 33)), st.sampled_from((3.0, 8.0, -1.0, 63.0)), st.integers(0, 99))
def test_compiled(target: str, dtype: str, width: int, scalar: float, seed: int) -> None:
    rng, kind = np.random.default_rng(seed), DTYPES[dtype]
    limits = np.iinfo(kind)
    places = rng.integers(0 if dtype == "u8" else -2, 70, (width,)).astype(kind)
    feeds = {"a": rng.integers(limits.min, limits.max, (3, width), kind, endpoint=True), "c": places}
    b = GraphBuilder()
    a, c = b.input("a", (SymDim(), width), dtype), b.input("c", (width,), dtype)
    graph = b.finish([value for name in NAMES for value in (b.op(name, a, c), b.op(name, a, scalar=scalar), b.op(name, c, scalar=scalar, reverse=True))])
    wanted = evaluate(graph, feeds)
    for got, array in zip(ngc.compile(graph, target=target).run(feeds), wanted, strict=True):
        np.testing.assert_array_equal(got, array)
