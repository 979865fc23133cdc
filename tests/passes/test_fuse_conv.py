"""Epilogues: everything that fuses, in any order, and each refusal."""

import numpy as np
import pytest

from ngc.ir import Loc, Step, Value
from ngc.ir.unary import UNARY
from ngc.passes import parse_pipeline
from ngc.passes.fuse_conv import FuseConv
from ngc.passes.step_forms import ACTIVATIONS
from tests.passes.nets import EPS, Net, fired, ops, refusals, run, steps

PASS = "fuse-conv"
TOLERANCE = 8 * EPS
"""Steps round where nodes rounded, except for divisions, which multiply by the inverse."""


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_every_activation(kind: str) -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, 3, pad=1, bias=True)
    if kind in ("log", "sqrt"):
        x = net.op("exp", x)
    params = {name: {"a_min": -0.5, "a_max": 0.75}.get(name, default) for name, default in UNARY[kind].params}
    graph = run(net.finish(net.op(kind, x, name="act", **params)), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d"]
    assert graph.find("conv").producer.attrs["epilogue"][-1] == Step(kind, tuple(params.values()))


@pytest.mark.parametrize(("op", "kind"), [("add", "bias"), ("mul", "affine"), ("sub", "bias"), ("div", "affine")])
def test_constants_per_channel(op: str, kind: str) -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 6, 3, bias=True)
    graph = run(net.finish(net.op(op, x, net.const("c", 1, 6, 1, 1, low=0.5))), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d"]
    assert steps(graph, "conv") == ["bias", kind]


@pytest.mark.parametrize(("op", "reverse", "params"), [("add", False, (1.0, 3.0)), ("mul", False, (3.0, 0.0)), ("sub", False, (1.0, -3.0)),
                                                       ("sub", True, (-1.0, 3.0)), ("div", False, (1 / 3, 0.0))])
def test_scalars(op: str, reverse: bool, params: tuple[float, float]) -> None:
    net = Net()
    graph = run(net.finish(net.op(op, net.dense(net.input(7), 5), scalar=3.0, reverse=reverse)), PASS, TOLERANCE)
    assert graph.find("dense").producer.attrs["epilogue"] == (Step("scale", params),)


def test_batch_norm_and_prelu_behind_an_activation() -> None:
    net = Net()
    x = net.op("prelu", net.batch_norm(net.op("relu", net.conv(net.input(4, 5, 5), 6))), net.const("slope", 6))
    graph = run(net.finish(net.op("prelu", x, net.const("one", 1))), PASS, TOLERANCE)
    assert steps(graph, "conv") == ["relu", "affine", "prelu", "prelu"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(("op", "kind"), [("add", "add"), ("mul", "multiply")])
def test_residual_sums_and_products_on_either_side(op: str, kind: str, order: tuple[int, int]) -> None:
    net = Net()
    x = net.input(4, 5, 5)
    pair: list[Value] = [net.conv(x, 4, 3, pad=1, bias=True), x]
    graph = run(net.finish(net.op("relu", net.op(op, *(pair[i] for i in order)))), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d"]
    assert steps(graph, "conv") == ["bias", kind, "relu"]


def test_subtraction_from_a_tensor() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = run(net.finish(net.op("sub", x, net.conv(x, 4))), PASS, TOLERANCE)
    assert steps(graph, "conv") == ["scale", "add"]


def test_squeeze_and_excitation_gate() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    gate = net.op("sigmoid", net.conv(net.op("pool", x, kind="avg", kernel=(5, 5), stride=(1, 1), pad=(0, 0)), 6, name="gate"))
    graph = run(net.finish(net.op("mul", gate, net.conv(x, 6, 3, pad=1))), PASS, TOLERANCE)
    assert ops(graph) == ["pool", "conv2d", "conv2d"]
    assert (steps(graph, "gate"), steps(graph, "conv")) == (["sigmoid"], ["multiply"])


def test_any_order_and_number_with_all_locations() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    y = net.b.op("conv2d", x, net.const("w", 4, 4, 1, 1), name="conv", loc=Loc("conv0"))
    for number, (op, attrs, more) in enumerate([("tanh", {}, ()), ("add", {}, (x,)), ("clip", {"a_min": -1.0, "a_max": 1.0}, ()), ("mul", {}, (x,)),
                                                ("add", {"scalar": 1.0}, ()), ("sigmoid", {}, ())]):
        y = net.b.op(op, y, *more, loc=Loc(f"op{number}"), **attrs)
    graph = run(net.finish(y), PASS, TOLERANCE)
    assert steps(graph, "conv") == ["tanh", "add", "clip", "multiply", "scale", "sigmoid"]
    assert [loc.name for loc in graph.find("conv").producer.locs] == ["conv0", *(f"op{number}" for number in range(6))]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_layers_the_later_takes_the_sum(order: tuple[int, int]) -> None:
    net = Net()
    x = net.input(4, 5, 5)
    pair = [net.op("relu", net.conv(x, 4, name="first", bias=True)), net.op("tanh", net.conv(x, 4, name="second", bias=True))]
    graph = run(net.finish(net.op("relu", net.op("add", *(pair[i] for i in order), name="sum"))), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d", "conv2d"]
    assert steps(graph, "first") == ["bias", "relu"]
    assert steps(graph, "second") == ["bias", "tanh", "add", "relu"]
    assert "the later %second takes %sum" in refusals(graph, "LayerThenStep")


def test_the_earlier_takes_the_sum_where_the_later_has_another_user() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    first, second = net.conv(x, 4, name="first"), net.conv(x, 4, name="second")
    graph = run(net.finish(net.op("add", first, second), net.op("sin", second)), PASS, TOLERANCE)
    assert ops(graph) == ["conv2d", "sin", "conv2d"] or ops(graph) == ["conv2d", "conv2d", "sin"]
    assert steps(graph, "first") == ["add"]


def test_an_operand_that_comes_later_is_waited_for() -> None:
    net = Net()
    x = net.input(4, 4, 4)
    y = net.conv(x, 4, name="conv")
    late = net.op("pool", net.op("sin", x), kind="max", kernel=(1, 1), stride=(1, 1), pad=(0, 0))
    graph = run(net.finish(net.op("add", y, late)), PASS, TOLERANCE)
    assert ops(graph) == ["sin", "pool", "conv2d"]


def test_constants_that_stand_later_move_to_the_layer() -> None:
    net = Net()
    x = net.conv(net.input(4, 4, 4), 4, epilogue=(Step("tee"),))
    y = net.op("prelu", x, net.const("slope", 4))
    graph = run(net.finish(y, net.op("sin", x.producer.outputs[1])), PASS, TOLERANCE)
    assert steps(graph, "conv") == ["tee", "prelu"]


def test_refuses_a_layer_with_another_user() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4)
    graph = run(net.finish(net.op("relu", x), net.op("sin", x)), PASS)
    assert refusals(graph, "LayerThenStep") == ["%conv has another user"]


def test_refuses_a_layer_that_is_an_output() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4)
    graph = run(net.finish(net.op("relu", x), x), PASS)
    assert refusals(graph, "LayerThenStep") == ["%conv is a graph output"]


def test_refuses_activations_that_were_not_asked_for() -> None:
    net = Net()
    graph = run(net.finish(net.op("tanh", net.op("relu", net.conv(net.input(4, 5, 5), 4)))), "fuse-conv{acts=relu,clip}")
    assert steps(graph, "conv") == ["relu"]
    assert refusals(graph, "LayerThenStep") == ["tanh is not among the activations to fuse"]


def test_refuses_operands_broadcast_in_other_ways() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    row = net.op("pool", x, kind="max", kernel=(5, 1), stride=(1, 1), pad=(0, 0), name="row")
    y = net.op("add", net.conv(x, 4), row)
    z = net.op("mul", net.conv(row, 4, name="small"), x, name="product")
    graph = run(net.finish(y, z), PASS)
    assert refusals(graph, "LayerThenStep") == ["%add: %row: f32[N,4,1,5] is broadcast in a way that steps do not have",
                                                "%product: its result f32[N,4,5,5] is broadcast beyond %small"]


def test_refuses_a_subtracted_tensor() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = run(net.finish(net.op("sub", net.conv(x, 4), x)), PASS)
    assert refusals(graph, "LayerThenStep") == ["%sub: %data is subtracted, and steps only add"]


def test_refuses_constants_along_another_axis() -> None:
    net = Net()
    graph = run(net.finish(net.op("add", net.conv(net.input(4, 5, 5), 4), net.const("c", 5))), PASS)
    assert refusals(graph, "LayerThenStep") == ["%add: its constant runs along axis 3, not the channels' axis 1"]


def test_refuses_prelu_behind_a_dense_layer_on_sequences() -> None:
    net = Net()
    graph = run(net.finish(net.op("prelu", net.dense(net.input(3, 7), 5), net.const("slope", 3))), PASS)
    assert refusals(graph, "LayerThenStep") == ["%prelu: the slopes follow another axis than the steps"]


def test_refuses_an_operand_that_comes_after_a_tee_is_read() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, epilogue=(Step("tee"),))
    graph = run(net.finish(net.op("add", x, net.op("sin", x.producer.outputs[1]))), PASS)
    assert refusals(graph, "LayerThenStep") == ["an operand of %add stands after %conv, whose further result may be read before"]


def test_a_tensor_added_to_itself_is_left_alone() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4)
    graph = run(net.finish(net.op("add", x, x)), PASS)
    assert refusals(graph, "LayerThenStep") == ["%conv has another user"]


def test_integers_are_left_alone() -> None:
    net = Net()
    x = net.b.input("data", (1, 2, 3, 3), "i32")
    y = net.op("conv2d", x, net.b.const("w", np.ones((2, 2, 1, 1), np.int32)))
    assert not fired(run(net.finish(net.op("relu", y)), PASS), "LayerThenStep")


def test_the_text_form_shows_the_activations_only_where_they_differ() -> None:
    assert FuseConv().spec == "fuse-conv"
    assert FuseConv(("relu",)).spec == "fuse-conv{acts=relu}"
    assert parse_pipeline("fuse-conv{acts=relu,clip}") == [FuseConv(("relu", "clip"))]


def test_products_of_matrices_take_steps_on_f32_and_in_fixed_sizes() -> None:
    net = Net()
    product = net.op("matmul", net.input(3, 4), net.input(4, 5, name="more"), name="product")
    graph = run(net.finish(net.op("add", net.op("relu", net.op("mul", product, scalar=0.5)), net.const("v", 5), name="last")), "fuse-conv", 8 * EPS)
    assert ops(graph) == ["matmul"]
    assert steps(graph, "product") == ["scale", "relu", "bias"]
    net = Net("f64")
    graph = run(net.finish(net.op("relu", net.op("matmul", net.input(3, 4), net.input(4, 5, name="more")))), "fuse-conv")
    assert refusals(graph, "LayerThenStep") == ["the data is f64, and products of matrices have steps on f32"]
    net = Net()
    graph = run(net.finish(net.op("relu", net.op("matmul", net.input(4), net.input(5, name="more"), transpose_a=True))), "fuse-conv")
    assert refusals(graph, "LayerThenStep") == ["the size of the matrices depends on N"]


@pytest.mark.parametrize("shapes", [((2, 0, 3), (2, 3, 4)), ((2, 3, 0), (2, 0, 4)), ((0, 3, 2), (0, 2, 4))])
def test_products_without_elements_take_no_steps(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    net = Net()
    product = net.op("matmul", *(net.b.input(name, shape) for name, shape in zip("xy", shapes, strict=True)))
    graph = run(net.finish(net.op("relu", product)), PASS)
    assert ops(graph) == ["matmul", "relu"]
    assert "a matrix has no elements" in refusals(graph, "LayerThenStep")
