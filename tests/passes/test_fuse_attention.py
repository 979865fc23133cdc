"""Attention made of products of matrices around a softmax: what fuses, what stays and why."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ngc.ir import Graph, GraphBuilder, SymDim, Value, evaluate
from ngc.ir.random_data import random_feeds
from ngc.passes import PassManager
from tests.passes.nets import EPS, Net, fired, ops, refusals, run

PASS = "fuse-attention"
RULE = "SoftmaxBetweenProducts"
TOLERANCE = 32 * EPS
"""Queries are scaled before their product instead of after it, and scores and weights are not rounded on their way any more."""

HEADS, LENGTH, SIZE = 2, 5, 4
Mask = Callable[[Net, Value], Value]


def operands(net: Net) -> tuple[Value, Value, Value]:
    q, k, v = (net.input(HEADS, LENGTH, SIZE, name=name) for name in "qkv")
    return q, k, v


def attend(net: Net, mask: Mask = lambda net, scores: scores, *, weigh: Mask = lambda net, weights: weights) -> Value:
    """Returns attention spelled out, its scores masked and its weights weighed."""
    q, k, v = operands(net)
    scores = net.op("mul", net.op("matmul", q, k, transpose_b=True, name="scores"), scalar=0.5, name="scaled")
    return net.op("matmul", weigh(net, net.op("softmax", mask(net, scores), name="weights")), v, name="context")


def attention_of(graph: Graph) -> dict[str, object]:
    [node] = [node for node in graph if node.op == "attention"]
    return node.attrs


def test_scaled_products() -> None:
    net = Net()
    graph = run(net.finish(attend(net)), PASS, TOLERANCE)
    assert ops(graph) == ["attention"]
    assert attention_of(graph) == {"scale": 0.5, "mask": "none", "fill": 0.0, "zero": False}


def test_an_added_mask_is_broadcast() -> None:
    net = Net()
    graph = run(net.finish(attend(net, lambda net, scores: net.op("add", scores, net.input(1, 1, LENGTH, name="mask")))), PASS, TOLERANCE)
    assert ops(graph) == ["broadcast_to", "attention"]
    assert attention_of(graph)["mask"] == "add"


def selected(net: Net, scores: Value, *, factor: float = -1e9) -> Value:
    """Returns scores where a mask of integers is not zero; the fill is spelled as ones like the scores."""
    mask = net.b.input("mask", scores.type.shape, "i32")
    fill = net.op("mul", net.op("logical_or", scores, scalar=1.0, name="ones"), scalar=factor, name="fill")
    return net.op("where", mask, scores, fill, name="selected")


def test_a_selecting_mask_and_weights_times_it() -> None:
    net = Net()
    graph = run(net.finish(attend(net, selected, weigh=lambda net, weights: net.op(
        "mul", net.op("cast", net.b.graph.inputs[-1], dtype="f32"), weights))), PASS, TOLERANCE)
    assert ops(graph) == ["cast", "attention"]
    assert attention_of(graph) == {"scale": 0.5, "mask": "select", "fill": -1e9, "zero": True}


def test_lengths() -> None:
    net = Net()
    q, k, v = operands(net)
    lengths = net.b.input("lengths", q.type.shape[:-1], "i32")
    weights = net.op("softmax", net.op("matmul", q, k, transpose_b=True), lengths, temperature=2.0)
    graph = run(net.finish(net.op("matmul", weights, v)), PASS, TOLERANCE)
    assert ops(graph) == ["attention"]
    assert attention_of(graph)["mask"] == "length"
    assert attention_of(graph)["scale"] == 0.5


def test_products_are_turned_and_regrouped() -> None:
    net = Net()
    q, k, v = (net.input(HEADS, SIZE, LENGTH, name=name) for name in "qkv")
    scores = net.op("matmul", net.op("div", q, scalar=4.0), k, transpose_a=True)
    flat = net.op("reshape", scores, shape=(SymDim(HEADS), LENGTH, LENGTH))
    weights = net.op("softmax", flat, axis=2)
    values = net.op("reshape", v, shape=(SymDim(HEADS), SIZE, LENGTH))
    graph = run(net.finish(net.op("matmul", weights, values, transpose_b=True)), PASS, TOLERANCE)
    assert ops(graph)[-1] == "attention"
    assert "softmax" not in ops(graph)
    assert attention_of(graph)["scale"] == 0.25


def test_refuses_a_scaling_behind_the_mask() -> None:
    net = Net()
    context = attend(net, lambda net, scores: net.op("mul", net.op("add", scores, net.input(1, 1, LENGTH, name="mask"), name="masked"), scalar=2.0))
    assert refusals(run(net.finish(context), PASS), RULE) == ["%masked: a scaling follows the mask"]


def test_refuses_what_others_read() -> None:
    net = Net()
    context = attend(net)
    weights = context.producer.inputs[0]
    graph = run(net.finish(context, weights), PASS)
    assert refusals(graph, RULE) == ["%weights is a graph output"]
    net = Net()
    context = attend(net)
    scores = context.producer.inputs[0].producer.inputs[0]
    graph = run(net.finish(context, net.op("relu", scores)), PASS)
    assert refusals(graph, RULE) == ["%scaled has another user"]


def test_refuses_a_fill_that_others_read() -> None:
    net = Net()
    context = attend(net, selected)
    where = context.producer.inputs[0].producer.inputs[0].producer
    graph = run(net.finish(context, net.op("relu", where.inputs[2].producer.inputs[0])), PASS)
    assert refusals(graph, RULE) == ["%ones has another user"]


def test_refuses_other_element_types_and_other_products() -> None:
    net = Net("f64")
    assert refusals(run(net.finish(attend(net)), PASS), RULE) == ["the data is f64, and attention runs on f32"]
    net = Net()
    q, k, v = operands(net)
    weights = net.op("softmax", net.op("matmul", q, k, transpose_b=True))
    assert refusals(run(net.finish(net.op("matmul", weights, v, transpose_a=True)), PASS), RULE) == ["a product has steps, or transposes the weights"]
    net = Net()
    q, k, v = operands(net)
    shared = net.b.input("shared", (LENGTH, SIZE), "f32")
    weights = net.op("softmax", net.op("matmul", q, shared, transpose_b=True))
    assert refusals(run(net.finish(net.op("matmul", weights, v)), PASS), RULE) == ["a product broadcasts its matrices"]


def test_refuses_values_whose_size_depends_on_the_batch() -> None:
    b = GraphBuilder()
    q, k = (b.input(name, (HEADS, LENGTH, SIZE), "f32") for name in "qk")
    v = b.input("v", (HEADS, LENGTH, SymDim()), "f32")
    graph = run(b.finish([b.op("matmul", b.op("softmax", b.op("matmul", q, k, transpose_b=True, name="scores")), v, name="out")]), PASS)
    [reason] = refusals(graph, RULE)
    assert reason == "the scores f32[2,5,5] or the values f32[2,5,N] depend on N in their last two axes"


@pytest.mark.parametrize("change", [
    lambda net, scores: net.op("tanh", scores),
    lambda net, scores: net.op("softmax", scores, axis=1),
    lambda net, scores: net.op("where", net.b.input("mask", scores.type.shape, "i32"), scores, net.op("square", scores)),
], ids=["another function", "another axis", "no number"])
def test_other_patterns_stay(change: Mask) -> None:
    net = Net()
    graph = run(net.finish(attend(net, change)), PASS)
    assert fired(graph, RULE) == 0
    assert refusals(graph, RULE) == []


@pytest.mark.parametrize("shape", [(0, 7, 4), (2, 7, 0)])
def test_products_without_elements_stay(shape: tuple[int, ...]) -> None:
    net = Net()
    x = net.b.input("x", shape)
    graph = run(net.finish(net.op("matmul", net.op("softmax", net.op("matmul", x, x, transpose_b=True)), x)), PASS)
    assert refusals(graph, RULE) == ["an operand of a product has no elements"]


def masked_by(dtypes: tuple[str, ...], *, weigh: bool = False, weights_dtypes: tuple[str, ...] = ("f32",)) -> Graph:
    """Returns attention under a mask of the first type that is cast to the others; the weights are multiplied by it, cast further, if asked for."""
    net = Net()
    q, k, v = (net.b.input(name, (2, 5, 4)) for name in "qkv")
    mask = net.b.input("mask", (2, 5, 5), dtypes[0])
    for dtype in dtypes[1:]:
        mask = net.op("cast", mask, dtype=dtype)
    products = net.op("matmul", q, k, transpose_b=True)
    scores = net.op("where", mask, products, net.b.const("fill", np.full((2, 5, 5), -1e4, np.float32)))
    weights = net.op("softmax", scores)
    if weigh:
        for dtype in weights_dtypes:
            mask = net.op("cast", mask, dtype=dtype) if mask.type.dtype != dtype else mask
        weights = net.op("mul", weights, mask)
    return net.finish(net.op("matmul", weights, v))


SMALL = {"f32": np.float32([0, 0.25, 1e-30, 3, -0.5]), "i32": np.int32([0, 256, 1, 65536, -2]), "f64": np.float64([0, 1e-60, 1, -2, 0.5])}
"""Masks whose elements become zero where a cast cuts them off."""


@pytest.mark.parametrize(("dtypes", "read"), [
    (("f32", "bool"), "f32"), (("i32", "f16"), "i32"), (("bool", "u8", "i32"), "bool"), (("f16", "f32"), "f16"), (("u8", "i64", "f32"), "u8"),
    (("f32", "i32"), "i32"), (("f32", "bf16"), "bf16"), (("f32", "f16"), "f16"), (("i32", "u8"), "u8"), (("f64", "f32"), "f32"), (("f64", "bool"), "bool"),
    (("i64", "i32", "bool"), "i32"),
])  # fmt: skip
def test_a_selecting_mask_is_read_before_casts_that_keep_its_zeros(dtypes: tuple[str, ...], read: str) -> None:
    graph = masked_by(dtypes)
    feeds = random_feeds(graph, 1)
    if dtypes[0] in SMALL:
        feeds["mask"] = np.resize(SMALL[dtypes[0]], (2, 5, 5))
    wanted = evaluate(graph, feeds)[0]
    PassManager(PASS).run(graph)
    np.testing.assert_allclose(evaluate(graph, feeds)[0], wanted, rtol=TOLERANCE, atol=TOLERANCE)
    [attention] = [node for node in graph if node.op == "attention"]
    mask = attention.inputs[3]
    assert (mask.producer.inputs[0] if mask.producer is not None and mask.producer.op == "cast" and read != "f32" else mask).type.dtype == read


@pytest.mark.parametrize(("dtypes", "further"), [(("f32", "bool"), ("f32",)), (("i32",), ("f32",)), (("f32",), ("bf16", "f32")), (("f32",), ("f16", "f32")),
                                                 (("i32", "u8"), ("f32",)), (("bool",), ("i32", "f32")), (("i32",), ("bool", "f32"))])
def test_weights_are_multiplied_by_what_the_casts_give(dtypes: tuple[str, ...], further: tuple[str, ...]) -> None:
    graph = masked_by(dtypes, weigh=True, weights_dtypes=further)
    feeds = random_feeds(graph, 1)
    if dtypes[0] in SMALL:
        feeds["mask"] = np.resize(SMALL[dtypes[0]], (2, 5, 5))
    wanted = evaluate(graph, feeds)[0]
    PassManager(PASS).run(graph)
    np.testing.assert_allclose(evaluate(graph, feeds)[0], wanted, rtol=TOLERANCE, atol=TOLERANCE * np.abs(wanted).max())
    assert ("attention" in ops(graph)) == (further not in (("bf16", "f32"), ("f16", "f32")))


def masked_softmax(net: Net, scores: Value, *, temperature: float = 1.0, fill: float = -3e38, outside: float = 0.0, shape: tuple[int, ...] = (1, LENGTH),
                   dtype: str = "bool") -> Value:
    """Returns weights under a broadcast mask that replaces scores before the softmax and weights behind it, as MXNet's masked_softmax does."""
    mask = net.b.input("mask", shape, dtype)
    kept = net.op("broadcast_to", mask, shape=scores.type.shape)
    ones = net.op("logical_or", scores, scalar=1.0, name="ones")
    low, rest = (net.op("mul", ones, scalar=number) for number in (fill, outside))
    weights = net.op("softmax", net.op("where", kept, scores, low, name="masked"), temperature=temperature)
    return net.op("where", kept, weights, rest)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_replaced_weights(temperature: float) -> None:
    net = Net()
    q, k, v = operands(net)
    scores = net.op("matmul", q, k, transpose_b=True, name="scores")
    graph = run(net.finish(net.op("matmul", masked_softmax(net, scores, temperature=temperature), v)), PASS, TOLERANCE)
    assert ops(graph) == ["cast", "broadcast_to", "attention"]
    assert attention_of(graph) == {"scale": 1 / temperature, "mask": "select", "fill": -3e38 / temperature, "zero": True}


@pytest.mark.parametrize(("how", "reason"), [
    ({"temperature": 0.5}, ["%masked: a scaling follows the mask"]),
    ({"fill": -np.inf}, ["%masked: rows without any score are NaN"]),
    ({"outside": 1.0}, []),
    ({"dtype": "f32"}, []),
])
def test_refuses_replaced_weights(how: dict[str, Any], reason: list[str]) -> None:
    net = Net()
    q, k, v = operands(net)
    scores = net.op("matmul", q, k, transpose_b=True, name="scores")
    graph = run(net.finish(net.op("matmul", masked_softmax(net, scores, **how), v)), PASS)
    assert fired(graph, RULE) == 0
    assert refusals(graph, RULE) == reason


def test_a_mask_that_is_broadcast_to_other_groups_of_matrices_stays() -> None:
    net = Net()
    q, k, v = (net.b.input(name, (6, 2, 2, LENGTH, SIZE), "f32") for name in "qkv")
    mask = net.b.input("mask", (2, 1, LENGTH, LENGTH), "bool")
    scores = net.op("matmul", q, k, transpose_b=True)
    fill = net.op("mul", net.op("logical_or", scores, scalar=1.0), scalar=-1e9)
    weights = net.op("softmax", net.op("where", net.op("broadcast_to", mask, shape=scores.type.shape), scores, fill))
    grouped = net.op("reshape", weights, shape=(3, 2, 4, LENGTH, LENGTH))
    rest = net.op("mul", net.op("logical_or", grouped, scalar=1.0), scalar=0.0)
    replaced = net.op("where", net.op("broadcast_to", mask, shape=grouped.type.shape), grouped, rest)
    context = net.op("matmul", replaced, net.op("reshape", v, shape=(3, 2, 4, LENGTH, SIZE)))
    assert "softmax" in ops(run(net.finish(context), PASS))
