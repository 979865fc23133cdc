"""Transposes, reshapes, slices and broadcasts that kernels read and write in place: what is not computed, and that results are right."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.build import build_program
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.views import divided, merged, reshaped, whole
from ngc.ir import Graph, GraphBuilder, SymDim, Value, evaluate
from ngc.ir.random_data import random_feeds
from ngc.passes import PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import parse_target

BATCH = SymDim()


def compiled_ops(graph: Graph, batch: int = 3, pipeline: str = "@cpu-fp32") -> list[str]:
    """Returns the operators of a graph's kernels; asserts that the program gives what the reference evaluator gives."""
    feeds = random_feeds(graph, 1, batch)
    wanted = evaluate(graph, feeds)
    target = parse_target("cpu")
    PassManager(pipeline).run(graph, PassContext(target=target))
    program = build_program(graph, target)
    for got, want in zip(Executable(program, graph, 2).run_poisoned(feeds), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)  # sums of at most forty products of order one
    return [call.op for call in program.calls]


def heads(b: GraphBuilder, x: Value, count: int) -> Value:
    """Returns (batch, length, units) as (batch, heads, length, units / heads)."""
    batch, length, units = x.type.shape
    return b.op("transpose", b.op("reshape", x, shape=(batch, length, count, int(units) // count)), axes=(0, 2, 1, 3))


def joined(b: GraphBuilder, x: Value) -> Value:
    """Returns such heads side by side again."""
    batch, count, length, size = x.type.shape
    return b.op("reshape", b.op("transpose", x, axes=(0, 2, 1, 3)), shape=(batch, length, int(count) * int(size)))


@pytest.mark.parametrize("batch", [2, BATCH], ids=str)
def test_heads_are_split_and_joined_by_strides(batch):
    b = GraphBuilder()
    q, k = (b.input(name, (batch, 6, 20), "f32") for name in "qk")
    scores = b.op("matmul", heads(b, q, 4), heads(b, k, 4), transpose_b=True)
    context = b.op("matmul", b.op("tanh", scores), heads(b, k, 4))
    assert compiled_ops(b.finish([b.op("relu", joined(b, context))])) == ["matmul", "matmul", "eltwise"]


def test_what_others_read_is_computed_once():
    b = GraphBuilder()
    q, k = (b.input(name, (2, 6, 20), "f32") for name in "qk")
    split = heads(b, q, 4)
    graph = b.finish([b.op("matmul", split, heads(b, k, 4), transpose_b=True), b.op("sin", split)])
    assert compiled_ops(graph) == ["transpose", "matmul", "sin"]


def test_rows_that_no_stride_reaches_are_computed():
    b = GraphBuilder()
    x, y = b.input("x", (4, 3, 5), "f32"), b.input("y", (4, 7), "f32")
    rows = b.op("reshape", b.op("transpose", x, axes=(1, 2, 0)), shape=(15, 4))  # rows of two axes that are no longer neighbours
    assert compiled_ops(b.finish([b.op("matmul", b.op("reshape", b.op("transpose", x, axes=(2, 1, 0)), shape=(15, 4)), y), b.op("matmul", rows, y)])) \
        == ["transpose", "matmul", "matmul"]


def test_columns_that_are_apart_are_stored_side_by_side_first():
    b = GraphBuilder()
    x, y = b.input("x", (5, 4), "f32"), b.input("y", (4, 7), "f32")
    assert compiled_ops(b.finish([b.op("sin", b.op("transpose", b.op("matmul", x, y), axes=(1, 0)))])) == ["matmul", "transpose", "sin"]


def test_products_with_residuals_are_stored_as_they_are():
    b = GraphBuilder()
    x, y, z = b.input("x", (2, 3, 4), "f32"), b.input("y", (2, 4, 5), "f32"), b.input("z", (2, 3, 5), "f32")
    moved = b.op("transpose", b.op("add", b.op("matmul", x, y), z), axes=(1, 0, 2))
    assert compiled_ops(b.finish([b.op("sin", moved)])) == ["matmul", "transpose", "sin"]


def test_a_result_that_is_returned_is_stored_where_the_caller_wants_it():
    b = GraphBuilder()
    x, y = b.input("x", (BATCH, 6, 20), "f32"), b.input("y", (BATCH, 6, 6), "f32")
    product = b.op("matmul", b.op("reshape", y, shape=(BATCH, 1, 6, 6)), heads(b, x, 4))
    assert compiled_ops(b.finish([joined(b, product)])) == ["matmul"]


def test_heads_are_stored_in_their_part_of_a_concat():
    b = GraphBuilder()
    q, token = b.input("q", (1, 4, 6, 5), "f32"), b.input("token", (1, 1, 20), "f32")
    k, v = (b.input(name, (1, 4, 7, 5), "f32") for name in "kv")
    out = b.op("matmul", b.op("matmul", q, k, transpose_b=True), v)
    graph = b.finish([b.op("concat", b.op("relu", token), joined(b, out), axis=1)])
    assert sorted(compiled_ops(graph)) == ["eltwise", "matmul", "matmul"]


@pytest.mark.parametrize("chain", [
    [("transpose", (1, 0))],
    [("reshape", (8, 6))],
    [("transpose", (1, 0)), ("reshape", (4, 2, 6)), ("reshape", (8, 6))],
    [("reshape", (2, 3, 8)), ("transpose", (1, 0, 2)), ("reshape", (8, 6))],
    [("reshape", (2, 3, 8)), ("transpose", (1, 0, 2)), ("reshape", (6, 8)), ("transpose", (1, 0)), ("reshape", (2, 4, 6)), ("reshape", (8, 6))],
], ids=lambda chain: "-".join(op for op, _ in chain))
@pytest.mark.parametrize("pipeline", ["@cpu-fp32", "assign-layout"])
def test_rearranged_products_are_stored_in_their_part_of_a_concat(chain, pipeline):
    b = GraphBuilder()
    x, y, other = b.input("x", (6, 4), "f32"), b.input("y", (4, 8), "f32"), b.input("other", (5, 6), "f32")
    out = b.op("matmul", x, y)
    for op, to in chain:
        out = b.op(op, out, **{"axes" if op == "transpose" else "shape": to})
    graph = b.finish([b.op("concat", b.op("sin", other), out, axis=0)])
    graph.stage = "imported" if pipeline.startswith("@") else "fused"
    assert "concat" not in compiled_ops(graph, pipeline=pipeline)


def test_slices_and_broadcasts_are_read_in_place():
    b = GraphBuilder()
    x, y = b.input("x", (3, 8, 10), "f32"), b.input("y", (1, 5, 7), "f32")
    part = b.op("slice", x, begin=(None, 1, 2), end=(None, 8, 7), step=(None, 2, None))
    spread = b.op("broadcast_to", y, shape=(3, 5, 7))
    assert compiled_ops(b.finish([b.op("matmul", part, spread)])) == ["matmul"]


def test_constants_are_read_through_views_too():
    b = GraphBuilder()
    x = b.input("x", (2, 3, 4), "f32")
    table = b.const("table", np.arange(40, dtype=np.float32).reshape(5, 8) / 40)
    flipped = b.op("transpose", b.op("reshape", table, shape=(2, 5, 4)), axes=(0, 2, 1))
    assert compiled_ops(b.finish([b.op("matmul", x, flipped)])) == ["matmul"]


_MOVES: tuple[Callable[[GraphBuilder, Value, int], Value], ...] = (
    lambda b, x, seed: b.op("transpose", x, axes=tuple(np.random.default_rng(seed).permutation(x.type.rank))),
    lambda b, x, seed: b.op("reshape", x, shape=_shape(x, seed)),
    lambda b, x, seed: b.op("slice", x, begin=(None,) * (x.type.rank - 1) + (min(seed % 2, int(x.type.shape[-1]) - 1),), end=(None,) * x.type.rank,
                            step=(None,) * (x.type.rank - 1) + (1 + seed % 3,)),
)


def _shape(x: Value, seed: int) -> tuple[int, ...]:
    """Returns other factors of a value's elements, in three or four dimensions."""
    rng, left, dims = np.random.default_rng(seed), int(np.prod(x.type.shape)), []  # type: ignore[arg-type]  # fixed shapes
    for _ in range(rng.integers(2, 4)):
        dims.append(int(rng.choice([d for d in range(1, left + 1) if left % d == 0])))
        left //= dims[-1]
    return (*dims, left)


@settings(deadline=None, max_examples=6)
@given(st.lists(st.tuples(st.sampled_from(_MOVES), st.integers(0, 99)), max_size=4), st.lists(st.tuples(st.sampled_from(_MOVES[:2]), st.integers(0, 99)),
                                                                                              max_size=3), st.booleans())
def test_any_chain_of_moves_around_a_product(before, after, is_part):
    b = GraphBuilder()
    x = b.input("x", (4, 6, 5), "f32")
    for move, seed in before:
        x = move(b, x, seed)
    y = b.input("y", (*(1,) * (x.type.rank - 2), x.type.shape[-1], 3), "f32")
    out = b.op("matmul", x, y)
    for move, seed in after:
        out = move(b, out, seed)
    if is_part:
        out = b.op("concat", b.input("other", (3,), "f32"), b.op("reshape", out, shape=(int(np.prod(out.type.shape)),)), axis=0)
    assert compiled_ops(b.finish([b.op("sin", out)])).count("matmul") == 1


def test_parts_of_axes():
    assert divided(N(6), N(3)) == 2
    assert divided(N(6), 4) is None
    assert divided(6, N(1)) is None
    assert merged([(2, 12), (3, 4), (4, 1)]) == ((24, 1),)
    assert merged([(N(1), 8), (2, 4)]) == ((N(2), 4),)
    b = GraphBuilder()
    view = whole(b.input("x", (4, SymDim(), 6), "f32"))
    assert view.axes == (((4, N(6)),), ((N(1), 6),), ((6, 1),))
    assert reshaped(view.axes, (2, 2, SymDim(3), 2)) == (((2, N(12)),), ((2, N(6)),), ((N(3), 2),), ((2, 1),))
    assert reshaped((((4, 1),), ((6, 4),)), (3, 8)) is None, "4 and 6 elements at other strides are no 3 rows of 8"
