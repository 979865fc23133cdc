"""Prologues: DenseNet's normalization of shared concatenations."""

from ngc.ir import Step, Value
from tests.passes.nets import EPS, Net, ops, refusals, run, steps

PASS = "fuse-prologue"


def near(length: int) -> float:
    """Scale and shift are rounded to single precision, and `length` products add up like a random walk."""
    return 8 * EPS * length**0.5


def active(net: Net, x: Value, name: str) -> Value:
    return net.op("relu", net.batch_norm(x, name=f"{name}_bn"), name=f"{name}_relu")


def test_every_layer_of_a_dense_block_normalizes_the_concatenation_its_own_way() -> None:
    net = Net()
    x = net.op("pool", net.input(8, 6, 6), kind="max", kernel=(2, 2), stride=(1, 1), pad=(0, 0))
    for number in range(2):
        x = net.op("concat", x, net.conv(active(net, x, f"n{number}"), 4, 3, pad=1, name=f"c{number}"), axis=1)
    graph = run(net.finish(x), PASS, near(108))
    assert ops(graph) == ["pool", "conv2d", "concat", "conv2d", "concat"]
    assert steps(graph, "c0", "prologue") == steps(graph, "c1", "prologue") == ["affine", "relu"]


def test_the_padding_stays_zero_and_the_epilogue_keeps_its_operands() -> None:
    net = Net()
    x = net.op("sin", net.input(4, 5, 5))
    y = net.conv(net.op("add", x, scalar=2.0), 4, 3, pad=1, bias=True)
    graph = run(net.finish(y), PASS, near(36))
    assert (steps(graph, "conv", "prologue"), steps(graph, "conv")) == (["scale"], ["bias"])


def test_a_layer_that_others_read_gives_its_result_to_a_prologue() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="raw")
    graph = run(net.finish(net.conv(active(net, x, "n"), 4), x), PASS, near(16))
    assert ops(graph) == ["conv2d", "conv2d"]


def test_refuses_where_the_producer_can_take_the_steps() -> None:
    net = Net()
    graph = run(net.finish(net.conv(active(net, net.conv(net.input(4, 5, 5), 4, name="raw"), "n"), 4)), PASS)
    assert refusals(graph, "ChainThenConv") == ["%raw can take the steps into its epilogue"]


def test_refuses_a_graph_input() -> None:
    net = Net()
    graph = run(net.finish(net.conv(active(net, net.input(4, 5, 5), "n"), 4)), PASS)
    assert refusals(graph, "ChainThenConv") == ["%data is a graph input, brought into layout with these steps"]


def test_refuses_groups() -> None:
    net = Net()
    graph = run(net.finish(net.conv(active(net, net.op("sin", net.input(4, 5, 5)), "n"), 4, groups=2)), PASS)
    assert refusals(graph, "ChainThenConv") == ["the convolution has groups"]


def test_refuses_a_second_prologue() -> None:
    net = Net()
    graph = run(net.finish(net.conv(active(net, net.op("sin", net.input(4, 5, 5)), "n"), 4, prologue=(Step("tanh"),))), PASS)
    assert refusals(graph, "ChainThenConv") == ["the convolution already has a prologue"]


def test_refuses_an_activated_tensor_that_others_read_or_that_is_returned() -> None:
    net = Net()
    x = net.op("sin", net.input(4, 5, 5))
    a, b = active(net, x, "a"), active(net, x, "b")
    graph = run(net.finish(net.conv(a, 4), net.op("cos", a), net.conv(b, 4), b), PASS)
    assert refusals(graph, "ChainThenConv") == ["the activated tensor is computed once: %a_relu has another user",
                                                "the activated tensor is computed once: %b_relu is a graph output"]


def test_pointwise_leaves_larger_kernels_alone() -> None:
    net = Net()
    x = net.op("sin", net.input(4, 5, 5))
    graph = run(net.finish(net.conv(active(net, x, "a"), 4, name="one"), net.conv(active(net, x, "b"), 4, 3, name="three")), f"{PASS}{{pointwise}}", near(36))
    assert (steps(graph, "one", "prologue"), steps(graph, "three", "prologue")) == (["affine", "relu"], [])
    assert refusals(graph, "ChainThenConv") == ["the kernel has more than one tap"]


def test_the_chain_begins_where_a_value_is_read_twice() -> None:
    net = Net()
    norm = net.batch_norm(net.op("sin", net.input(4, 5, 5)))
    graph = run(net.finish(net.conv(net.op("relu", norm), 4), net.op("cos", norm)), PASS, near(4))
    assert ops(graph) == ["sin", "batch_norm", "conv2d", "cos"]
    assert steps(graph, "conv", "prologue") == ["relu"]
