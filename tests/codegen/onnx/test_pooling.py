"""Pooling as ONNX: conventions, padding, divisors, windows past the end, every element type that has a form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.engines.onnx_forms import why_no_onnx
from ngc.ir import GraphBuilder, Step
from tests.onnx_models import ALL, EPS, assert_agrees, checked, finish, numbers, source

pytest.importorskip("onnxruntime")


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(1, 3), st.sampled_from(["max", "avg", "sum", "lp"]), st.sampled_from(ALL), st.sampled_from(["valid", "full"]))
def test_pooling(data, rank, kind, dtype, convention):
    draw = data.draw
    kernel, stride = (draw(st.tuples(*[st.integers(1, 4)] * rank)) for _ in range(2))
    pad = draw(st.tuples(*[st.integers(0, 3)] * rank))
    spatial = tuple(max(1, k - 2 * p) + draw(st.integers(0, 3)) for k, p in zip(kernel, pad, strict=True))
    shape = (2, draw(st.integers(1, 3)), *spatial)
    x = numbers(np.random.default_rng(draw(st.integers(0, 99))), dtype, shape)
    b = GraphBuilder()
    result = {"result": "f32"} if dtype == "u8" and kind != "max" else {}
    y = b.op("pool", source(b, "x", shape, dtype), kind=kind, kernel=kernel, stride=stride, pad=pad, convention=convention,
             count_include_pad=draw(st.booleans()), p=draw(st.integers(1, 3)), **result)
    reason = why_no_onnx(y.producer)
    if reason is not None:
        assert dtype not in ("f32", "f16", "bf16", "u8")
        return
    eps, terms = EPS.get(dtype, EPS["f32"]), int(np.prod(kernel))
    size = float(np.abs(x.astype(np.float64)).max()) if x.size else 0.0
    # Sums of numbers, or of their cubes, whose cubic root has no bounded slope at zero.
    power = y.producer.attrs["p"] if kind == "lp" else 1
    atol = 0 if kind == "max" else terms * size * eps * 4 if power < 3 else size * (terms * 4 * eps) ** (1 / 3)
    assert_agrees(finish(b, y), {"x": x}, rtol=8 * eps if kind != "max" else 0, atol=atol)


def test_max_pooling_of_windows_without_data_gives_the_lowest_number():
    b = GraphBuilder()
    y = b.op("pool", b.input("x", (1, 1, 3)), kind="max", kernel=(1,), stride=(2,), pad=(1,), convention="full")
    graph = b.finish([y])
    assert {node.op_type for node in checked(graph).graph.node} == {"Pad", "MaxPool"}
    assert_agrees(graph, {"x": np.ones((1, 1, 3), np.float32)})


@pytest.mark.parametrize(("kind", "operator"), [("max", "GlobalMaxPool"), ("avg", "GlobalAveragePool")])
def test_a_window_as_large_as_the_data_is_a_global_pool(kind, operator):
    b = GraphBuilder()
    y = b.op("pool", b.input("x", (2, 3, 5, 4)), kind=kind, kernel=(5, 4), stride=(1, 1), pad=(0, 0))
    assert [node.op_type for node in checked(b.finish([y])).graph.node] == [operator]


@pytest.mark.parametrize(("attrs", "operators"), [
    ({"kind": "avg", "count_include_pad": True}, ["AveragePool"]), ({"kind": "avg", "count_include_pad": False}, ["AveragePool"]),
    ({"kind": "max"}, ["MaxPool"]), ({"kind": "max", "convention": "full"}, ["MaxPool"]), ({"kind": "lp", "p": 2}, ["LpPool"]),
    ({"kind": "avg", "count_include_pad": False, "convention": "full"}, ["AveragePool"]),
])
def test_the_usual_pools_are_one_operator(attrs, operators):
    b = GraphBuilder()
    y = b.op("pool", b.input("x", (2, 3, 8, 8)), kernel=(3, 3), stride=(2, 2), pad=(1, 1), **attrs)
    assert [node.op_type for node in checked(b.finish([y])).graph.node] == operators


def test_pools_of_integers_take_steps_that_give_them_their_scale():
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6), np.uint8)
    b = GraphBuilder()
    y = b.op("pool", b.input("x", x.shape, "u8"), kind="avg", kernel=(2, 2), stride=(2, 2), pad=(0, 0), epilogue=(Step("scale", (0.75, 3.0)),), result="u8",
             scales=(0.5,), zero_points=(3,))
    assert_agrees(b.finish([y]), {"x": x})
