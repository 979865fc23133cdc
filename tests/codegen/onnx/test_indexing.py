"""Operators that pick, place, mask and order elements: ONNX Runtime gives what the reference evaluator does, in every element type that has a form."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.engines.onnx_forms import why_no_onnx
from ngc.errors import VerifyError
from ngc.ir import Graph, GraphBuilder, Shape, SymDim, Value
from ngc.ir.tensor_type import DTYPES, bind_shape
from tests.onnx_models import ALL, EXAMPLES, assert_agrees, finish, numbers, source

N = SymDim()
BATCH = 3
PLACES = np.array([[0, 3, 9], [2, -1, 1]], np.int64)

Use = tuple[str, Shape, tuple[tuple[Shape, str], ...], dict[str, Any]]
"""An operator, the shape of its data, the shapes and types of its further operands, its attributes."""

USES: list[Use] = [
    *(("gather", (N, 5, 3), ((shape, kind),), {"axis": axis, "mode": mode})
      for shape, axis, kind in (((4,), 1, "i32"), ((2, 2), 2, "i64"), ((4,), 0, "i32"), ((), 1, "i32")) for mode in ("clip", "wrap")),
    ("gather", (5, 3), (((N, 2), "i32"),), {"axis": 0}),
    *(("gather_elements", (N, 5, 3), ((shape, "i32"),), {"axis": 1, "mode": mode}) for shape in ((N, 2, 3), (N, 7, 1)) for mode in ("clip", "wrap")),
    *(("gather_nd", (N, 5, 3), ((shape, "i32"),), {}) for shape in ((2, 4), (1, 2, 2), (3, 4))),
    ("gather_nd", (4, 5, 3), (((2, N), "i64"),), {}),
    ("slice_update", (N, 5, 3), (((N, 2, 3), ""),), {"begin": (None, 1, None), "end": (None, 4, None), "step": (1, 2, 1)}),
    ("slice_update", (4, 5), (((2, 2), ""),), {"begin": (3, None), "end": (1, None), "step": (-1, 3)}),
    ("cumsum", (N, 5, 3), (), {"axis": 1}), ("cumsum", (N, 5, 3), (), {"axis": 2}),
    *(("topk", (N, 5, 3), (), {"axis": axis, "k": 2, "largest": largest}) for axis in (1, 2) for largest in (False, True)),
    *((op, (N, 5, 3), (), {"axis": axis, "keepdims": bool(axis)}) for op in ("argmax", "argmin") for axis in (0, 1)),
    ("sequence_mask", (5, N, 3), (((N,), "i32"),), {"axis": 0, "value": -1.0}), ("sequence_mask", (N, 5), (((N,), "i64"),), {"axis": 1, "value": 2.0}),
]


def built(use: Use, dtype: str) -> Graph | None:
    """Returns the graph of a use in an element type, None where the IR or ONNX does not have it."""
    op, shape, further, attrs = use
    builder = GraphBuilder()
    operands = [source(builder, "x", shape, dtype), *(source(builder, f"x{number}", own, kind or dtype) for number, (own, kind) in enumerate(further))]
    try:
        node = builder.op(op, *operands, **attrs).producer
    except VerifyError:
        return None
    assert node is not None
    return None if why_no_onnx(node) else finish(builder, *node.outputs)


def data(graph: Graph, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns feeds: small integers where indices and lengths are."""
    return {name: rng.integers(-9, 9, bind_shape(value.type.shape, BATCH)).astype(DTYPES[value.type.dtype])
            if value.type.dtype in ("i32", "i64") and name != "x" else numbers(rng, value.type.dtype, bind_shape(value.type.shape, BATCH))
            for value, name in zip(graph.inputs, graph.input_names, strict=True)}


@EXAMPLES
@given(st.sampled_from(USES), st.sampled_from(ALL), st.integers(0, 99))
def test_all_of_them(use: Use, dtype: str, seed: int) -> None:
    graph = built(use, dtype)
    if graph is not None:
        # Running sums are added in the same order; what is moved is moved.
        assert_agrees(graph, data(graph, np.random.default_rng(seed)))


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i32", "u8", "bool"])
def test_ties_keep_the_lower_index_first(dtype: str) -> None:
    rng = np.random.default_rng(1)
    builder = GraphBuilder()
    x = source(builder, "x", (4, 200), dtype)
    results: list[Value] = []
    for largest in (False, True):
        node = builder.op("topk", x, axis=1, k=150, largest=largest).producer
        assert node is not None
        results += node.outputs
    graph = finish(builder, *results)
    assert_agrees(graph, {"x": rng.integers(0, 2 if dtype == "bool" else 5, (4, 200)).astype(DTYPES[graph.inputs[0].type.dtype])})


@pytest.mark.parametrize("dtype", ["f32", "i64", "bf16"])
def test_updates_of_constant_coordinates(dtype: str) -> None:
    builder = GraphBuilder()
    x, updates = source(builder, "x", (4, 3, 2), dtype), source(builder, "updates", (3, 2), dtype)
    graph = finish(builder, builder.op("scatter_nd", x, builder.const("places", PLACES), updates))
    rng = np.random.default_rng(2)
    assert_agrees(graph, {name: numbers(rng, value.type.dtype, value.type.shape) for value, name in zip(graph.inputs, graph.input_names, strict=True)})


@pytest.mark.parametrize("dtype", ALL)
def test_one_hot_and_ranges(dtype: str) -> None:
    builder = GraphBuilder()
    index = builder.input("index", (N, 4), "i32")
    results = [builder.op("one_hot", index, depth=3, on_value=2.5, off_value=1.0, dtype=dtype)]
    if dtype != "bool":
        results += [builder.op("iota", index, axis=axis, start=1.5, step=2.0, repeat=repeat, dtype=dtype) for axis in (None, 0) for repeat in (1, 3)]
    assert_agrees(finish(builder, *results), {"index": np.array([[0, 1, 2, 3], [-1, 2, 2, 9]], np.int32)})


def test_refusals() -> None:
    builder = GraphBuilder()
    x, half = builder.input("x", (N, 5)), builder.input("half", (N, 5), "f16")
    wide = builder.input("wide", (N, 5), "i64")
    turned = builder.input("turned", (5, N))
    lengths = builder.input("lengths", (5,), "i32")
    several = "of two updates of one element the last one counts, which only constant coordinates without equal ones promise an engine"
    for value, reason in (
        (builder.op("gather_elements", builder.input("y", (5, N)), builder.input("one", (2, 1), "i32"), axis=0),
         "indices of one cannot be repeated N times: nothing in them says how large N is"),
        (builder.op("cumsum", half, axis=1), "each sum is rounded to f16, which ONNX Runtime has no CumSum of"),
        (builder.op("argmax", wide, axis=1), "ONNX Runtime has no argmax of i64"),
        (builder.op("slice_update", turned, turned, begin=(None, None), end=(None, None), step=(1, 1)),
         "the positions of what is written are constants, which N past the first dimension does not let be"),
        (builder.op("sequence_mask", x, lengths, axis=0), "the positions on the time axis are constants, which a length of N does not let be"),
        (builder.op("scatter_nd", builder.input("z", (4, 5)), builder.input("at", (1, 2), "i32"), builder.input("u", (2, 5))), several),
        (builder.op("scatter_nd", builder.input("v", (4, 5)), builder.const("same", np.array([[3, 9]])), builder.input("w", (2, 5))), several),
        (builder.op("scatter_nd", x, builder.const("batch", np.array([[0, 1]])), builder.input("rows", (2, 5))), several),
    ):
        assert value.producer is not None
        assert why_no_onnx(value.producer) == reason
