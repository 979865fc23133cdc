"""Canonical rules: each fires on its pattern with equal numbers, and refuses what is not exact."""

from collections.abc import Callable
from math import inf, nan

import numpy as np
import pytest

from ngc.ir import Step, SymDim, Value
from ngc.passes import PassManager
from tests.passes.nets import EPS, Net, fired, ops, refusals, run

PASS = "canonicalize"
Make = Callable[[Net, Value], Value]


@pytest.mark.parametrize("make", [
    lambda n, x: n.op("identity", n.op("dropout", x)),
    lambda n, x: n.op("reshape", x, shape=x.type.shape),
    lambda n, x: n.op("reshape", n.op("reshape", x, shape=(SymDim(), 100)), shape=x.type.shape),
    lambda n, x: n.op("transpose", n.op("transpose", x, axes=(0, 2, 3, 1)), axes=(0, 3, 1, 2)),
    lambda n, x: n.op("cast", n.op("cast", x, dtype="f64"), dtype="f32"),
    lambda n, x: n.op("slice", x, begin=(None, 0, None, 0), end=(None, 4, None, None), step=(None, 1, None, 1)),
    lambda n, x: n.op("pad", x, widths=(0,) * 8),
    lambda n, x: n.op("upsample", x, scale=(1, 1)),
    lambda n, x: n.op("broadcast_to", x, shape=x.type.shape),
    lambda n, x: n.op("concat", x),
    lambda n, x: n.op("pool", x, kind="avg", kernel=(1, 1), stride=(1, 1), pad=(0, 0)),
    lambda n, x: n.op("pool", x, kind="lp", p=1, kernel=(1, 1), stride=(1, 1), pad=(0, 0)),
    lambda n, x: n.op("slice", n.op("concat", n.op("sin", x), x), begin=(None, 4, None, None), end=(None,) * 4, step=(None,) * 4),
    lambda n, x: n.op("concat", *(n.op("slice", x, begin=(None, i, None, None), end=(None, i + 2, None, None), step=(None,) * 4) for i in (0, 2))),
    lambda n, x: n.op("add", x, scalar=-0.0),
    lambda n, x: n.op("sub", x, scalar=0.0),
    lambda n, x: n.op("mul", x, scalar=1.0, reverse=True),
    lambda n, x: n.op("div", x, scalar=1.0),
    lambda n, x: n.op("power", x, scalar=1.0),
    lambda n, x: n.op("maximum", x, scalar=-inf),
    lambda n, x: n.op("minimum", x, scalar=inf),
    lambda n, x: n.op("maximum", x, x),
    lambda n, x: n.op("clip", x, a_min=-inf, a_max=inf),
    lambda n, x: n.op("negative", n.op("negative", x)),
    lambda n, x: n.op("mul", x, n.b.const("one", np.ones((1, 1), np.float32))),
])
def test_what_says_nothing_disappears(make: Make) -> None:
    net = Net()
    graph = run(net.finish(make(net, net.input(4, 5, 5))), PASS)
    assert graph.outputs == graph.inputs
    assert graph.stage == "canonical"


@pytest.mark.parametrize(("make", "left"), [
    (lambda n, x: n.op("relu", n.op("relu", x)), ["relu"]),
    (lambda n, x: n.op("abs", n.op("abs", x)), ["abs"]),
    (lambda n, x: n.op("abs", n.op("negative", x)), ["abs"]),
    (lambda n, x: n.op("abs", n.op("relu", x)), ["relu"]),
    (lambda n, x: n.op("relu", n.op("sigmoid", x)), ["sigmoid"]),
    (lambda n, x: n.op("ceil", n.op("ceil", x)), ["ceil"]),
    (lambda n, x: n.op("clip", x, a_min=0.0, a_max=inf), ["relu"]),
    (lambda n, x: n.op("clip", n.op("relu", x), a_min=0.0, a_max=0.5), ["clip"]),
    (lambda n, x: n.op("relu", n.op("clip", x, a_min=-0.5, a_max=0.5)), ["clip"]),
    (lambda n, x: n.op("relu", n.op("clip", x, a_min=-0.5, a_max=inf)), ["relu"]),
    (lambda n, x: n.op("clip", n.op("clip", x, a_min=-0.5, a_max=0.1), a_min=0.2, a_max=0.7), ["clip"]),
    (lambda n, x: n.op("maximum", x, scalar=0.0), ["relu"]),
    (lambda n, x: n.op("minimum", n.op("maximum", x, scalar=0.0), scalar=0.1), ["clip"]),
    (lambda n, x: n.op("power", x, scalar=2.0), ["square"]),
    (lambda n, x: n.op("mul", x, x), ["square"]),
    (lambda n, x: n.op("add", x, x), ["mul"]),
    (lambda n, x: n.op("sub", x, scalar=0.3), ["add"]),
    (lambda n, x: n.op("div", x, scalar=-4.0), ["mul"]),
    (lambda n, x: n.op("sub", n.b.const("c", np.float32([2])), x), ["sub"]),
    (lambda n, x: n.op("add", n.const("c", 4, 1, 1), x), ["add"]),
    (lambda n, x: n.op("transpose", n.op("transpose", x, axes=(0, 2, 3, 1)), axes=(0, 2, 3, 1)), ["transpose"]),
    (lambda n, x: n.op("transpose", n.op("reduce_max", x, axes=(2,), keepdims=True), axes=(0, 2, 1, 3)), ["reduce_max", "reshape"]),
    (lambda n, x: n.op("reshape", n.op("reshape", x, shape=(SymDim(4), 25)), shape=(SymDim(), 10, 10)), ["reshape"]),
    (lambda n, x: n.op("slice", n.op("concat", n.op("sin", x), x), begin=(None, 5, None, None), end=(None, -1, None, None), step=(None,) * 4), ["slice"]),
    (lambda n, x: n.op("concat", n.op("concat", x, n.op("sin", x)), n.op("cos", x)), ["sin", "cos", "concat"]),
    (lambda n, x: n.conv(n.op("pad", x, widths=(0, 0, 0, 0, 1, 2, 1, 1)), 4, 3, pad=1), ["conv2d"]),
    (lambda n, x: n.op("transpose", n.op("tanh", n.op("add", n.op("transpose", x, axes=(0, 2, 3, 1)), scalar=1.0)), axes=(0, 3, 1, 2)), ["add", "tanh"]),
    (lambda n, x: n.op("transpose", n.op("add", *(n.op("transpose", y, axes=(0, 2, 3, 1)) for y in (x, n.op("sin", x)))), axes=(0, 3, 1, 2)), ["sin", "add"]),
    (lambda n, x: n.op("reshape", n.op("exp", n.op("reshape", x, shape=(SymDim(), 100))), shape=(SymDim(), 50, 2)), ["reshape", "exp"]),
])
def test_what_can_be_said_shorter_is(make: Make, left: list[str]) -> None:
    net = Net()
    graph = run(net.finish(make(net, net.input(4, 5, 5))), PASS)
    assert ops(graph) == left


def test_a_value_times_its_sigmoid() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = run(net.finish(net.op("mul", net.op("sigmoid", x), x)), PASS, EPS)
    assert ops(graph) == ["swish"]


@pytest.mark.parametrize("bounds", [(-1.0, 6.0), (0.0, 6.0), (2.0, 6.0), (-6.0, -1.0)])
@pytest.mark.parametrize("first", ["relu", "clip"])
def test_relu_and_clip_in_either_order(first: str, bounds: tuple[float, float]) -> None:
    net = Net()
    x = net.op("mul", net.input(4, 5, 5), scalar=8.0)
    for kind in (first, "clip" if first == "relu" else "relu"):
        x = net.op(kind, x, **({"a_min": bounds[0], "a_max": bounds[1]} if kind == "clip" else {}))
    assert ops(run(net.finish(x), PASS)) == ["mul", "clip"]


def test_nan_passes_through_all_of_it() -> None:
    net = Net()
    x = net.b.const("c", np.float32([nan, -0.0, 0.0, inf, -inf, 1.5]))
    makes: list[Make] = [lambda n, x: n.op("clip", n.op("relu", x), a_min=-1.0, a_max=6.0), lambda n, x: n.op("maximum", x, scalar=0.0),
                         lambda n, x: n.op("minimum", x, scalar=1.0), lambda n, x: n.op("power", x, scalar=2.0), lambda n, x: n.op("mul", x, x),
                         lambda n, x: n.op("div", x, scalar=8.0), lambda n, x: n.op("sub", x, scalar=0.5)]
    graph = run(net.finish(*(make(net, x) for make in makes)), PASS)
    assert ops(graph) == ["clip", "relu", "clip", "square", "square", "mul", "add"]


@pytest.mark.parametrize("scalar", [0.5, 1.9])
def test_scalars_of_integers_are_truncated_first(scalar: float) -> None:
    net = Net()
    x = net.b.input("data", (3,), "i32")
    graph = run(net.finish(net.op("add" if scalar < 1 else "mul", x, scalar=scalar)), PASS)
    assert ops(graph) == []


def test_fixed_gamma_becomes_ones() -> None:
    net = Net()
    graph = run(net.finish(net.batch_norm(net.input(4, 5, 5), fix_gamma=True)), PASS)
    node = graph.find("bn").producer
    assert not node.attrs["fix_gamma"]
    np.testing.assert_array_equal(node.inputs[1].array, np.ones(4))
    assert node.inputs[1].name == "bn_gamma"
    assert fired(graph, "FixedGamma") == 1


def test_output_names_and_stage() -> None:
    net = Net()
    graph = net.b.finish([net.op("identity", net.input(3))], ["answer"])
    run(graph, PASS)
    assert graph.output_names == ("answer",)
    assert str(graph).splitlines()[-2].strip() == 'return %data as "answer"'


@pytest.mark.parametrize(("make", "rule", "reason"), [
    (lambda n, x: n.op("add", x, scalar=0.0), "NeutralScalar", "x + 0 turns -0 into 0"),
    (lambda n, x: n.op("sub", x, scalar=-0.0), "NeutralScalar", "x - (-0) turns -0 into 0"),
    (lambda n, x: n.op("pool", x, kind="max", kernel=(1, 1), stride=(1, 1), pad=(0, 0)), "NoOp",
     "max pooling of one element turns -inf into the lowest float"),
    (lambda n, x: n.op("relu", n.op("clip", x, a_min=2.0, a_max=1.0)), "ClipChain", "a lower bound lies above its upper bound"),
    (lambda n, x: n.op("add", y := n.op("clip", x, a_min=-1.0, a_max=1.0, name="y"), n.op("relu", y)), "ClipChain", "%y has another user"),
    (lambda n, x: n.op("add", y := n.op("sigmoid", x, name="y"), n.op("mul", x, y)), "TimesSigmoid", "%y has another user"),
    (lambda n, x: n.op("concat", y := n.op("concat", x, x, name="y"), n.op("sin", y)), "NestedConcat", "%y has another user"),
    (lambda n, x: n.conv(n.op("pad", x, widths=(0, 0, 0, 0, 1, 1, 1, 1), value=1.0), 4), "PadThenConv", "the border is 1.0, not 0"),
    (lambda n, x: n.conv(n.op("pad", x, widths=(0, 0, 0, 2, 1, 1, 1, 1)), 4), "PadThenConv", "the border reaches beyond the spatial dimensions"),
    (lambda n, x: n.conv(n.op("pad", x, widths=(0, 0, 0, 0, 1, 1, 1, 1)), 4, prologue=(Step("relu"),)), "PadThenConv",
     "the prologue would not see the border"),
    (lambda n, x: n.op("concat", n.op("transpose", y := n.op("exp", n.op("transpose", x, axes=(0, 2, 3, 1)), name="y"), axes=(0, 2, 3, 1)),
                       n.op("transpose", y, axes=(0, 2, 1, 3))), "MovementRises", "%y has another user"),
])
def test_refusals(make: Make, rule: str, reason: str) -> None:
    net = Net()
    graph = run(net.finish(make(net, net.input(4, 4, 4))), PASS)
    assert reason in refusals(graph, rule)


def test_refuses_an_integer_that_is_no_double() -> None:
    net = Net()
    x = net.b.input("data", (2, 3), "i64")
    graph = run(net.finish(net.op("add", x, net.b.const("c", np.array([2**53 + 1])))), PASS)
    assert refusals(graph, "ScalarConstant") == ["9007199254740993 is no double-precision number"]


@pytest.mark.parametrize(("make", "count"), [
    (lambda n, x: n.op("add", n.op("add", x, scalar=0.1), scalar=0.2), 2),
    (lambda n, x: n.op("pool", x, kind="max", kernel=(1, 1), stride=(2, 2), pad=(0, 0)), 1),
    (lambda n, x: n.op("pool", n.op("slice", x, begin=(None,) * 4, end=(None, None, 2, 2), step=(None,) * 4), kind="avg", kernel=(1, 1), stride=(2, 2),
                       pad=(0, 0), convention="full"), 2),
    (lambda n, x: n.op("div", x, scalar=3.0), 1),
    (lambda n, x: n.op("sub", x, x), 1),
    (lambda n, x: n.op("cast", n.op("cast", x, dtype="f16"), dtype="f32"), 2),
    (lambda n, x: n.op("slice", x, begin=(None, None, None, 3), end=(None,) * 4, step=(None, None, None, -1)), 1),
    (lambda n, x: n.op("leaky_relu", n.op("leaky_relu", x)), 2),
    (lambda n, x: n.op("transpose", n.op("softmax", n.op("transpose", x, axes=(0, 2, 3, 1)), axis=3), axes=(0, 3, 1, 2)), 3),
])
def test_what_would_round_differently_or_means_something_stays(make: Make, count: int) -> None:
    net = Net()
    graph = run(net.finish(make(net, net.input(4, 4, 4))), PASS)
    assert len(ops(graph)) == count


@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_with_a_constant_matrix_is_a_dense_layer(transposed: bool) -> None:
    net = Net()
    w = net.const("w", *((7, 6) if transposed else (6, 7)))
    graph = run(net.finish(net.op("matmul", net.input(5, 6), w, transpose_b=transposed)), "canonicalize,fold-constants")
    assert ops(graph) == ["dense"]


def test_products_that_dense_layers_do_not_have_stay() -> None:
    net = Net()
    graph = run(net.finish(net.op("matmul", net.input(6, 5), net.const("w", 6, 7), transpose_a=True)), "canonicalize")
    assert refusals(graph, "ProductWithConstant") == ["%data is transposed"]
    net = Net("f64")
    graph = run(net.finish(net.op("matmul", net.input(5, 6), net.const("w", 6, 7))), "canonicalize")
    assert refusals(graph, "ProductWithConstant") == ["the data is f64, and dense layers multiply bf16 or f32"]


def test_zeros_and_ones_like_a_value_are_constants() -> None:
    net = Net()
    x = net.b.input("x", (2, 3))
    graph = run(net.finish(net.op("logical_and", x, scalar=0.0), net.op("logical_or", x, scalar=-2.0)), PASS)
    assert ops(graph) == []
    assert [value.is_const for value in graph.outputs] == [True, True]


def test_what_an_operand_decides_and_what_grows_stays() -> None:
    net = Net()
    x, large = net.b.input("x", (2, 3)), net.b.input("large", (1 << 12, 1 << 13))
    others = [net.op("logical_and", x, scalar=1.0), net.op("logical_or", x, scalar=0.0), net.op("logical_and", net.input(4), scalar=0.0)]
    graph = net.finish(*others, net.op("logical_and", large, scalar=0.0))
    PassManager(PASS).run(graph)
    assert ops(graph) == ["logical_and", "logical_or", "logical_and", "logical_and"]
    assert refusals(graph, "AbsorbingScalar") == ["128 MiB of one number"]
