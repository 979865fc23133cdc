"""Element types: what is stored in bf16, what stays in f32, and why."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, note, settings

from ngc.ir import Graph, Step, SymDim, evaluate, parse
from ngc.ir.verify import verify
from ngc.passes import PassManager
from tests.passes.nets import Net, ops, run
from tests.strategies import feeds_for, graphs

PASS = "convert-precision"
BF16 = 2.0**-8
"""The largest relative error of one rounding to bf16."""


def dtypes(graph: Graph) -> dict[str, str]:
    """Returns the element type of every value that is no constant, by name."""
    return {value.name: value.type.dtype for value in graph.values() if not value.is_const}


def events(graph: Graph) -> dict[str, str]:
    """Returns what the pass said of each layer."""
    return {event.node: event.reason for event in graph.events if event.rule == "precision"}


def test_layers_read_bf16_and_give_what_their_readers_want() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 6, 3, name="first", pad=1, bias=True)
    y = net.op("pool", x, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool")
    flat = net.op("reshape", net.conv(y, 8, 3, name="second"), shape=(SymDim(), 8), name="flat")
    # Four roundings on the way, each of a sum of up to 54 products of which few are large: their errors add like a random walk.
    graph = run(net.finish(net.dense(flat, 10)), PASS, 4 * BF16)
    assert ops(graph) == ["cast", "cast", "conv2d", "pool", "cast", "conv2d", "reshape", "cast", "dense"]
    assert dtypes(graph) == {"data": "f32", "data.bf16": "bf16", "first_weight.bf16": "bf16", "first": "bf16", "pool": "bf16", "second_weight.bf16": "bf16",
                             "second": "bf16", "flat": "bf16", "dense_weight.bf16": "bf16", "dense": "f32"}
    assert graph.find("dense").producer.attrs["result"] == "f32"
    assert graph.find("first").producer.attrs["result"] is None, "what the data says is not said again"
    assert events(graph) == dict.fromkeys(("first", "second", "dense"), "multiplies bf16")
    assert graph.find("first_bias").type.dtype == "f32"


def test_residuals_and_further_results_have_the_type_of_the_result() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), x, name="unit", epilogue=(Step("add"), Step("tee"), Step("relu")))
    raw = y.producer.outputs[1]
    graph = run(net.finish(net.conv(y, 3, name="left"), net.conv(raw, 3, name="right")), PASS, 4 * BF16)
    assert [value.type.dtype for value in graph.find("unit").producer.outputs] == ["bf16", "bf16"]
    assert {dtypes(graph)[name] for name in ("left", "right")} == {"f32"}


def test_a_residual_is_widened_for_a_result_that_stays_in_f32() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), x, name="unit", epilogue=(Step("add"),))
    graph = run(net.finish(y), PASS, 4 * BF16)
    assert [value.type.dtype for value in graph.find("unit").producer.inputs] == ["bf16", "bf16", "f32"]
    assert graph.find("first.f32").producer.op == "cast"


def test_what_no_layer_reads_stays_in_f32() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    graph = run(net.finish(net.op("softmax", net.op("relu", x), axis=1)), PASS, 4 * BF16)
    assert dtypes(graph)["first"] == "f32"
    assert ops(graph) == ["cast", "cast", "conv2d", "relu", "softmax"]


def test_other_operators_get_f32_and_give_it() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    y = net.op("concat", x, net.op("sigmoid", x, name="gate"), axis=1, name="joined")
    graph = run(net.finish(net.conv(y, 3, name="second"), x), PASS, 4 * BF16)
    assert dtypes(graph) == {"data": "f32", "data.bf16": "bf16", "first_weight.bf16": "bf16", "first": "bf16", "first.f32": "f32", "gate": "f32",
                             "gate.bf16": "bf16", "joined": "bf16", "second_weight.bf16": "bf16", "second": "f32"}
    assert graph.outputs[1].name == "first.f32", "an output that a layer reads is returned as the layer reads it, in f32"


def test_deconvolutions_and_prologues() -> None:
    net = Net()
    x = net.deconv(net.input(4, 3, 3), 6, name="up")
    steps = {"prologue": (Step("bias"), Step("relu"))}
    y = net.op("conv2d", x, net.const("w", 4, 6, 1, 1), net.const("shift", 6), name="unit", **steps)
    graph = run(net.finish(y), PASS, 4 * BF16)
    assert dtypes(graph)["up"] == "bf16"
    assert [value.type.dtype for value in graph.find("unit").producer.inputs] == ["bf16", "bf16", "f32"]


@pytest.mark.parametrize(("value", "dtype"), [(0.5, "bf16"), (0.1, "f32")])
def test_a_pad_is_narrow_only_where_its_constant_is_exact(value: float, dtype: str) -> None:
    net = Net()
    x = net.op("pad", net.conv(net.input(4, 5, 5), 4, name="first"), mode="constant", value=value, widths=(0, 0, 0, 0, 1, 1, 1, 1), name="pad")
    graph = run(net.finish(net.conv(x, 3, name="second")), PASS, 4 * BF16)
    assert dtypes(graph)["pad"] == dtype


def test_refuses_odd_dense_layers() -> None:
    net = Net()
    graph = run(net.finish(net.dense(net.input(7), 3)), PASS)
    assert events(graph) == {"dense": "7 inputs of a dense layer do not make pairs"}
    assert ops(graph) == ["dense"]


def test_refuses_weights_that_are_no_constant() -> None:
    net = Net()
    w = net.b.input("w", (3, 4, 1, 1))
    graph = run(net.finish(net.op("conv2d", net.input(4, 5, 5), w, name="conv")), PASS)
    assert events(graph) == {"conv": "the weights %w are no constant"}
    assert ops(graph) == ["conv2d"]


@pytest.mark.parametrize("dtype", ["f16", "f64"])
def test_refuses_data_that_is_not_f32(dtype: str) -> None:
    net = Net(dtype)
    graph = run(net.finish(net.conv(net.input(4, 5, 5), 3)), PASS)
    assert events(graph) == {"conv": f"the data is {dtype}, not f32"}
    assert ops(graph) == ["conv2d"]


def test_refuses_a_result_that_is_not_f32() -> None:
    net = Net()
    graph = run(net.finish(net.op("cast", net.conv(net.input(4, 5, 5), 3, result="bf16"), dtype="f32")), PASS)
    assert events(graph) == {"conv": "the result is bf16, not f32"}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs(with_steps=True))
def test_random_graphs_stay_valid_print_and_mean_the_same_but_for_rounding(graph: Graph) -> None:
    note(str(graph))
    feeds = feeds_for(graph)
    wanted = evaluate(graph, feeds)
    # A max pooling window that holds nothing gives the lowest f32; what sums such values overflows, in one type or the other, and says nothing of rounding.
    assume(all(np.abs(array).max(initial=0) < 1e30 for array in wanted if array.dtype.kind == "f"))
    PassManager(PASS).run(graph)
    verify(graph)
    assert str(parse(str(graph))) == str(graph)
    for was, now in zip(wanted, evaluate(graph, feeds), strict=True):
        assert now.dtype == was.dtype
        # Sums of up to a few dozen terms, through up to eight nodes of bounded slope: an eighth of the largest value is far beyond any rounding,
        # and a value of the wrong place or type is not so near.
        finite = np.isfinite(was)
        assert np.abs(now - was)[finite].max(initial=0) <= 0.125 * max(1.0, np.abs(was[finite]).max(initial=0))


def test_products_of_data_stay_in_f32_with_the_moves_behind_them() -> None:
    net = Net()
    x = net.dense(net.input(6, 8), 8, name="first")
    heads = net.op("transpose", net.op("matmul", x, x, transpose_b=True, name="scores"), axes=(0, 2, 1), name="moved")
    graph = run(net.finish(net.dense(heads, 4, name="last")), PASS, 0.05)
    assert events(graph)["scores"] == "matmul has no kernel that multiplies bf16"
    assert [graph.find(name).type.dtype for name in ("first", "scores", "moved", "moved.bf16")] == ["f32", "f32", "f32", "bf16"]


def test_long_chains_of_moves() -> None:
    """A chain is swept once, however long: recursion would end at Python's limit."""
    net = Net()
    x = net.op("matmul", net.b.input("x", (2, 3, 4)), net.b.input("y", (2, 4, 4)))
    for _ in range(1200):
        x = net.op("slice", x, begin=(None, None, None), end=(None, None, None), step=(None, -1, None))
    graph = net.finish(net.op("relu", x))
    PassManager(PASS).run(graph)
    assert set(dtypes(graph).values()) == {"f32"}
