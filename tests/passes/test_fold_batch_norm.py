"""Folding into weights: fires on both sides of every kind of layer, and each refusal."""

import numpy as np
import pytest

from ngc.ir import Step, parse
from ngc.passes import PassManager
from tests.passes.nets import EPS, Net, fired, ops, refusals, run, steps

PASS = "fold-batch-norm"


def near(length: int) -> float:
    """Weights, bias and result are each rounded once more; errors of `length` products add up like a random walk."""
    return 4 * EPS * length**0.5


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_batch_norm_after_a_convolution(groups: int) -> None:
    net = Net()
    graph = net.finish(net.op("relu", net.batch_norm(net.conv(net.input(8, 6, 6), 8, 3, groups=groups, pad=1, bias=True))))
    run(graph, PASS, near(72))
    assert ops(graph) == ["conv2d", "relu"]
    assert steps(graph, "conv") == ["bias"]
    assert [node.name for node in graph if node.op == "const"] == ["conv_bias", "conv_weight"]


@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_after_a_deconvolution_follows_its_output_channels(groups: int) -> None:
    net = Net()
    graph = net.finish(net.batch_norm(net.deconv(net.input(4, 5, 5), 6, 3, groups=groups, stride=2, pad=1, adj=1)))
    run(graph, PASS, near(36))
    assert ops(graph) == ["deconv2d"]


def test_batch_norm_after_a_dense_layer() -> None:
    net = Net()
    graph = net.finish(net.batch_norm(net.dense(net.input(12), 5)))
    run(graph, PASS, near(12))
    assert ops(graph) == ["dense"]


@pytest.mark.parametrize("rank", [1, 3])
def test_batch_norm_after_other_ranks(rank: int) -> None:
    net = Net()
    graph = net.finish(net.batch_norm(net.conv(net.input(3, *(5,) * rank), 4, 2)))
    run(graph, PASS, near(24))
    assert ops(graph) == [f"conv{rank}d"]


def test_constant_multiplication_and_addition_chains_fold_as_well() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 6, 3)
    x = net.op("mul", x, net.const("s", 1, 6, 1, 1))
    x = net.op("sub", net.const("t", 6, 1, 1), x)
    x = net.op("div", net.op("add", x, scalar=0.25), scalar=3.0)
    graph = run(net.finish(x), PASS, near(36))
    assert ops(graph) == ["conv2d"]
    assert fired(graph, "ConvThenAffine") == 4


def test_a_shift_alone_leaves_the_weights_as_they_are() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 6, 3)
    weights = x.producer.inputs[1]
    graph = run(net.finish(net.op("add", x, net.const("b", 6, 1, 1))), PASS, near(36))
    assert graph.find("conv").producer.inputs[1] is weights


def test_batch_norm_before_a_convolution_without_padding() -> None:
    net = Net()
    graph = net.finish(net.op("relu", net.conv(net.batch_norm(net.input(6, 5, 5)), 4, 3, groups=2, bias=True)))
    run(graph, PASS, near(27))
    assert ops(graph) == ["conv2d", "relu"]
    assert steps(graph, "conv") == ["bias"]
    assert fired(graph, "AffineThenConv") == 1


def test_scaling_before_a_padding_convolution_folds_where_the_shift_is_zero() -> None:
    net = Net()
    graph = net.finish(net.conv(net.op("mul", net.input(3, 5, 5), net.const("s", 3, 1, 1)), 4, 3, pad=1))
    run(graph, PASS, near(27))
    assert ops(graph) == ["conv2d"]


def test_scaling_before_a_deconvolution_and_batch_norm_before_a_dense_layer() -> None:
    net = Net()
    x = net.deconv(net.op("mul", net.input(4, 5, 5), net.const("s", 4, 1, 1)), 6, 3, groups=2, stride=2)
    y = net.dense(net.batch_norm(net.b.input("flat", (3, 7))), 5)
    graph = run(net.finish(x, y), PASS, near(36))
    assert ops(graph) == ["deconv2d", "dense"]


def test_what_the_epilogue_does_comes_after_a_shift_from_before() -> None:
    net = Net()
    x = net.batch_norm(net.input(6, 5, 5))
    graph = run(net.finish(net.conv(x, 4, 3, bias=False, epilogue=(Step("tanh"),))), PASS, near(54) * 4)
    assert steps(graph, "conv") == ["bias", "tanh"]


def test_shared_weights_are_copied_for_the_layer_that_folds() -> None:
    net = Net()
    x = net.input(4, 6, 6)
    first = net.conv(x, 4, 3, name="first", pad=1)
    second = net.conv(net.op("tanh", net.batch_norm(first)), 4, 3, name="second", weights=first.producer.inputs[1], pad=1)
    graph = run(net.finish(second), PASS, near(36) * 4)
    assert ops(graph) == ["conv2d", "tanh", "conv2d"]
    assert graph.find("first").producer.inputs[1] is not graph.find("second").producer.inputs[1]
    assert graph.find("second").producer.inputs[1].name == "first_weight"


def test_between_two_layers_the_first_takes_it() -> None:
    net = Net()
    graph = run(net.finish(net.conv(net.batch_norm(net.conv(net.input(4, 6, 6), 4, name="first")), 4, name="second")), PASS, near(16) * 4)
    assert steps(graph, "first") == ["bias"]
    assert steps(graph, "second") == []


def test_the_second_takes_it_where_the_first_has_another_user() -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4, name="first")
    graph = run(net.finish(net.conv(net.batch_norm(raw), 4, name="second"), net.op("tanh", raw)), PASS, near(16) * 4)
    assert refusals(graph, "ConvThenAffine") == ["%first has another user"]
    assert ops(graph) == ["conv2d", "conv2d", "tanh"]


def test_fixed_gamma_counts_as_one_whatever_is_stored() -> None:
    net = Net()
    graph = run(net.finish(net.batch_norm(net.conv(net.input(4, 6, 6), 4), fix_gamma=True)), PASS, near(4))
    assert ops(graph) == ["conv2d"]


def test_refuses_a_layer_that_is_an_output() -> None:
    net = Net()
    raw = net.conv(net.input(4, 6, 6), 4)
    graph = run(net.finish(net.batch_norm(raw), raw), PASS)
    assert refusals(graph, "ConvThenAffine") == ["%conv is a graph output"]


def test_refuses_an_epilogue_that_is_not_linear() -> None:
    net = Net()
    graph = run(net.finish(net.batch_norm(net.conv(net.input(4, 6, 6), 4, epilogue=(Step("relu"),)))), PASS)
    assert refusals(graph, "ConvThenAffine") == ["the epilogue of %conv already has relu"]


def test_refuses_parameters_weights_and_bias_that_are_no_constants() -> None:
    net = Net()
    x = net.input(4, 6, 6)
    gamma, w, b = net.b.input("gamma", (4,)), net.b.input("w", (4, 4, 1, 1)), net.b.input("b", (4,))
    first = net.batch_norm(net.conv(x, 4, name="first"))
    one = net.op("batch_norm", net.conv(x, 4, name="one"), gamma, *first.producer.inputs[2:], fix_gamma=False)
    two = net.batch_norm(net.conv(x, 4, name="two", weights=w))
    three = net.batch_norm(net.op("conv2d", x, net.const("w3", 4, 4, 1, 1), b, name="three", epilogue=(Step("bias"),)))
    graph = net.finish(one, two, three)
    run(graph, PASS)
    assert refusals(graph, "ConvThenAffine") == ["gamma, %gamma, is no constant", "the weights %w are no constant at hand",
                                                 "the bias of %three is no constant at hand"]


def test_refuses_a_variance_that_is_not_positive() -> None:
    net = Net()
    x = net.conv(net.input(2, 4, 4), 2)
    one, zero = net.b.const("one", np.ones(2, np.float32)), net.b.const("zero", np.zeros(2, np.float32))
    graph = net.finish(net.op("batch_norm", x, one, zero, zero, zero, eps=0.0, fix_gamma=False))
    PassManager(PASS).run(graph)
    assert refusals(graph, "ConvThenAffine") == ["the variance plus eps is not positive in every channel, so the scale is not finite"]


def test_refuses_another_axis() -> None:
    net = Net()
    graph = run(net.finish(net.batch_norm(net.conv(net.input(4, 6, 6), 4), axis=2)), PASS)
    assert refusals(graph, "ConvThenAffine") == ["the constants run along axis 2, the channels of %conv along axis 1"]
    net = Net()
    graph = run(net.finish(net.conv(net.batch_norm(net.input(4, 6, 6), axis=3), 4)), PASS)
    assert refusals(graph, "AffineThenConv") == ["the constants run along axis 3, the channels that %conv sums along axis 1"]


def test_refuses_weights_that_would_overflow() -> None:
    net = Net("f16")
    x = net.conv(net.input(2, 4, 4), 2)
    graph = net.finish(net.op("mul", net.op("mul", x, scalar=6e4), scalar=1.5))
    PassManager(PASS).run(graph)
    assert refusals(graph, "ConvThenAffine")[-1] == "the folded weights overflow f16"


def test_refuses_integers() -> None:
    b = Net().b
    x = b.input("data", (1, 2, 3, 3), "i32")
    y = b.op("conv2d", x, b.const("w", np.ones((2, 2, 1, 1), np.int32)))
    vector = [b.const(name, np.ones(2, np.int32)) for name in ("gamma", "beta", "mean", "var")]
    graph = run(b.finish([b.op("batch_norm", y, *vector)]), PASS)
    assert refusals(graph, "ConvThenAffine") == ["the data is i32, not a float that numpy holds"]


def test_refuses_a_shift_before_padding() -> None:
    net = Net()
    y = net.conv(net.batch_norm(net.input(3, 5, 5)), 4, 3, pad=1)
    z = net.deconv(net.batch_norm(net.b.input("more", (1, 3, 5, 5))), 4)
    graph = run(net.finish(y, z), PASS)
    assert refusals(graph, "AffineThenConv") == ["%conv pads its input, and the shift is not zero there",
                                                 "%deconv pads its input, and the shift is not zero there"]


def test_refuses_a_normalized_value_that_others_read() -> None:
    net = Net()
    x = net.batch_norm(net.input(3, 5, 5))
    graph = run(net.finish(net.conv(x, 4), net.op("tanh", x)), PASS)
    assert refusals(graph, "AffineThenConv") == ["%bn has another user"]


def test_refuses_a_layer_with_a_prologue() -> None:
    net = Net()
    graph = run(net.finish(net.conv(net.batch_norm(net.input(3, 5, 5)), 4, prologue=(Step("relu"),))), PASS)
    assert refusals(graph, "AffineThenConv") == ["%conv has a prologue, which would run before the scaling"]


def test_refuses_a_layer_with_further_results() -> None:
    net = Net()
    x = net.conv(net.input(3, 5, 5), 4, epilogue=(Step("tee"),))
    graph = run(net.finish(net.batch_norm(x), x.producer.outputs[1]), PASS)
    assert refusals(graph, "ConvThenAffine") == ["%conv has further results"]


def test_refuses_data_that_is_not_at_hand() -> None:
    net = Net()
    graph = parse(str(net.finish(net.batch_norm(net.conv(net.input(4, 6, 6), 4)))))
    PassManager(PASS).run(graph)
    assert refusals(graph, "ConvThenAffine") == ["the data of %bn_gamma is not at hand"]


def test_refuses_a_division_by_zero() -> None:
    net = Net()
    graph = net.finish(net.op("div", net.conv(net.input(3, 5, 5), 4), scalar=0.0))
    PassManager(PASS).run(graph)
    assert refusals(graph, "ConvThenAffine") == ["the constant of div does not give a finite scale and shift"]
