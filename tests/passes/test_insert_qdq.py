"""Where integers go for engines, what they stand for, and every reason to leave a value in f32."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.ir import Graph, Step, SymDim, clone, evaluate, parse
from ngc.ir.random_data import random_feeds
from ngc.ir.verify import verify
from ngc.passes import PassManager
from ngc.passes.layers import is_layer
from tests.passes.nets import Net, ops
from tests.strategies import graphs

PASS = "insert-qdq"


def with_ranges(graph: Graph, *but: str) -> Graph:
    """Returns the graph with the ranges of all its activations on random data, except for some values."""
    observed: dict[str, tuple[float, float]] = {}
    evaluate(graph, random_feeds(graph, 3, 2),
             observe=lambda value, array: observed.update({} if value.is_const else {value.name: (float(array.min()), float(array.max()))}))
    graph.ranges = {name: found for name, found in observed.items() if name not in but and np.isfinite(found).all()}
    graph.stage = "canonical"
    return graph


def events(graph: Graph) -> dict[str, str]:
    """Returns what the pass said of each node, the last word of several."""
    return {event.node: event.reason for event in graph.events if event.pass_name == PASS}


def insert(graph: Graph) -> Graph:
    """Runs the pass, verified."""
    PassManager(PASS).run(graph)
    verify(graph)
    return graph


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["conv", "deconv", "dense"]), st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_a_layer_is_wrong_by_no_more_than_its_roundings(inputs: int, outputs: int, kernel: int, kind: str, seed: int) -> None:
    net = Net()
    net.rng = np.random.default_rng(seed)
    if kind == "dense":
        graph = net.finish(net.dense(net.input(inputs), outputs))
    else:
        x = net.input(inputs, 4, 4)
        graph = net.finish(net.conv(x, outputs, kernel) if kind == "conv" else net.deconv(x, outputs, kernel))
    with_ranges(graph)
    feeds = random_feeds(graph, 3, 2)
    exact = evaluate(graph, feeds)[0]
    layer = graph.outputs[0].producer
    assert layer is not None
    weights = np.abs(layer.inputs[1].array)
    insert(graph)
    data, w = (value.producer for value in layer.inputs)
    assert data is not None
    assert w is not None
    assert (data.op, w.op) == ("dequantize", "dequantize")
    step, steps = data.attrs["scales"][0] / 2, np.max(w.attrs["scales"]) / 2
    # Each product x*w is wrong by |w| dx + |x| dw + dx dw, where rounding moves by at most half a step; f32 adds an error far below.
    products = weights[0].size if kind != "deconv" else weights[:, 0].size
    bound = products * (weights.max() * step + np.abs(feeds["data"]).max() * steps + step * steps)
    assert np.abs(evaluate(graph, feeds)[0] - exact).max() <= bound * 1.001


def test_scales_are_symmetric_and_weights_have_one_for_each_output() -> None:
    net = Net()
    graph = net.finish(net.conv(net.input(4, 5, 5), 3, 3, bias=True))
    weights = graph.find("conv_weight").array
    graph.ranges, graph.stage = {"data": (-2.54, 1.0)}, "canonical"
    insert(graph)
    assert ops(graph) == ["quantize", "dequantize", "dequantize", "conv2d"]
    quantize = graph.find("data.i8").producer
    assert quantize.attrs == {"scales": (float(np.float32(2.54 / 127)),), "zero_point": 0, "axis": None, "dtype": "i8"}
    stored = graph.find("conv_weight.i8")
    assert stored.type.dtype == "i8"
    np.testing.assert_array_equal(np.abs(stored.array).reshape(3, -1).max(axis=1), [127] * 3)
    back = graph.find("conv_weight.dequantized").producer
    np.testing.assert_array_equal(np.float32(back.attrs["scales"]), np.abs(weights).reshape(3, -1).max(axis=1) / np.float32(127))
    assert back.attrs["axis"] == 0
    assert graph.find("conv_bias").type.dtype == "f32"
    assert not any(value.name == "conv_weight" for value in graph.values()), "weights in f32 that nothing reads are gone"


def test_weights_of_a_deconvolution_have_their_outputs_second() -> None:
    net = Net()
    graph = insert(with_ranges(net.finish(net.deconv(net.input(4, 3, 3), 6, groups=2))))
    back = graph.find("deconv_weight.dequantized").producer
    assert (back.attrs["axis"], len(back.attrs["scales"])) == (1, 3)


def test_a_value_is_quantized_once_for_all_its_readers() -> None:
    net = Net()
    x = net.op("relu", net.input(4, 5, 5), name="act")
    weights = net.const("w", 3, 4, 1, 1)
    one, two = net.conv(x, 3, name="one", weights=weights), net.conv(x, 3, name="two", weights=weights, stride=2)
    graph = insert(with_ranges(net.finish(one, two, x)))
    assert ops(graph) == ["relu", "quantize", "dequantize", "dequantize", "conv2d", "conv2d"]
    assert graph.outputs[2].name == "act", "what the caller reads stays what it was"


def test_the_residual_of_a_sum_is_what_no_layer_gives() -> None:
    net = Net()
    x = net.op("relu", net.input(4, 5, 5), name="act")
    graph = insert(with_ranges(net.finish(net.op("add", net.conv(x, 4), x, name="sum"))))
    total = graph.find("sum").producer
    assert [value.name for value in total.inputs] == ["conv", "act.dequantized"]
    assert events(graph) == {"conv": "multiplies int8", "sum": "adds an int8 residual"}


@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_layers_the_earlier_one_is_the_residual(swapped: bool) -> None:
    net = Net()
    x = net.input(4, 5, 5)
    first, second = net.conv(x, 4, name="first"), net.conv(x, 4, name="second")
    graph = insert(with_ranges(net.finish(net.op("add", *((second, first) if swapped else (first, second)), name="sum"))))
    names = {value.name for value in graph.find("sum").producer.inputs}
    assert names == {"first.dequantized", "second"}


def test_residuals_of_fused_sums() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = net.finish(net.op("conv2d", x, net.const("w", 4, 4, 1, 1), x, name="unit", epilogue=(Step("add"), Step("relu"))))
    with_ranges(graph)
    graph.stage = "fused"
    insert(graph)
    assert [value.name for value in graph.find("unit").producer.inputs] == ["data.dequantized", "w.dequantized", "data.dequantized"]


def test_averages_between_layers_read_integers() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    pooled = net.op("pool", x, kind="avg", kernel=(6, 6), stride=(1, 1), pad=(0, 0), name="pool")
    flat = net.op("reshape", pooled, shape=(SymDim(), 4), name="flat")
    graph = insert(with_ranges(net.finish(net.dense(flat, 3))))
    assert ops(graph) == ["quantize", "dequantize", "dequantize", "conv2d", "quantize", "dequantize", "pool", "reshape", "quantize", "dequantize",
                          "dequantize", "dense"]
    assert events(graph)["pool"] == "averages int8"


def test_averages_that_no_layer_reads_stay() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 4, name="first")
    graph = insert(with_ranges(net.finish(net.op("pool", x, kind="avg", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool"))))
    assert "pool" not in events(graph)


def test_what_only_moves_numbers_passes_their_range_on() -> None:
    net = Net()
    pooled = net.op("pool", net.input(4, 6, 6), kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool")
    graph = net.finish(net.conv(pooled, 3))
    graph.ranges, graph.stage = {"data": (-1.27, 1.0)}, "canonical"
    insert(graph)
    assert graph.find("pool.i8").producer.attrs["scales"] == (float(np.float32(0.01)),)


def _refused(graph: Graph) -> str:
    """Returns why a graph's only layer stays in f32, and checks that nothing was done."""
    was = str(graph)
    insert(graph)
    assert str(graph) == was
    return next(event.reason for event in graph.events if event.pass_name == PASS and event.status == "refused")


def test_a_layer_without_a_range_stays() -> None:
    net = Net()
    graph = with_ranges(net.finish(net.conv(net.input(4, 5, 5), 3)), "data")
    assert _refused(graph) == "no range of %data was calibrated"


def test_a_range_of_zero_is_none() -> None:
    net = Net()
    graph = net.finish(net.conv(net.input(4, 5, 5), 3))
    graph.ranges = {"data": (0.0, 0.0)}
    assert _refused(graph) == "the range of %data is zero"


def test_weights_that_are_fed_stay() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = with_ranges(net.finish(net.op("conv2d", x, net.b.input("w", (3, 4, 1, 1)), name="conv")))
    assert _refused(graph) == "the weights %w are no constant"


def test_weights_that_are_not_finite_stay() -> None:
    net = Net()
    graph = net.finish(net.op("conv2d", net.input(4, 5, 5), net.b.const("w", np.full((3, 4, 1, 1), np.inf, np.float32)), name="conv"))
    graph.ranges = {"data": (0.0, 1.0)}
    assert _refused(graph) == "weights are not finite"


def test_data_of_another_type_stays() -> None:
    net = Net("f16")
    graph = net.finish(net.conv(net.input(4, 5, 5), 3))
    graph.ranges = {"data": (0.0, 1.0)}
    assert _refused(graph) == "the data is f16, not f32"


def test_constant_data_stays() -> None:
    net = Net()
    graph = net.finish(net.op("add", net.input(3, 1, 1), net.op("conv2d", net.const("x", 1, 4, 1, 1), net.const("w", 3, 4, 1, 1), name="conv")))
    graph.ranges = {"data": (0.0, 1.0)}
    assert _refused(graph) == "the data %x is a constant"


def test_excluded_layers_and_sums_stay() -> None:
    net = Net()
    x = net.op("relu", net.input(4, 5, 5), name="act")
    graph = with_ranges(net.finish(net.op("add", net.conv(x, 4, name="conv"), x, name="sum")))
    graph.excluded = ("sum", "gone_*")
    insert(graph)
    assert events(graph) == {"conv": "multiplies int8", "sum": "excluded by 'sum'"}
    assert [value.name for value in graph.find("sum").producer.inputs] == ["conv", "act"]


def test_a_layer_with_a_prologue_stays() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = net.finish(net.op("conv2d", x, net.const("w", 3, 4, 1, 1), prologue=(Step("relu"),), name="conv"))
    graph.ranges, graph.stage = {"data": (0.0, 1.0)}, "fused"
    assert _refused(graph) == "it has a prologue"


def test_a_separable_convolution_stays() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    separable = net.op("separable_conv2d", x, net.const("dw", 4, 1, 1, 1), net.const("pw", 3, 4, 1, 1), groups=4, name="conv")
    graph = net.finish(separable)
    graph.ranges, graph.stage = {"data": (0.0, 1.0)}, "fused"
    assert _refused(graph) == "two convolutions in one node have no form of int8 for engines"


def test_a_residual_without_a_range_stays() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = insert(with_ranges(net.finish(net.op("add", net.conv(x, 4), net.op("relu", x, name="act"), name="sum")), "act"))
    assert events(graph) == {"conv": "multiplies int8", "sum": "no range of %act was calibrated"}


def test_sums_of_planes_or_of_what_others_read_have_no_residual() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    conv = net.conv(x, 4)
    graph = insert(with_ranges(net.finish(net.op("add", conv, net.op("relu", x, name="act"), name="sum"), net.op("tanh", conv))))
    assert "sum" not in events(graph)
    planes = net.finish(net.op("add", net.conv(x, 4, name="other"), net.input(4, 1, 1, name="planes"), name="sum"))
    assert "sum" not in events(insert(with_ranges(planes)))


def test_a_graph_without_ranges_stays_as_it_is() -> None:
    # One region of several may hold nothing that calibration has seen.
    net = Net()
    assert _refused(net.finish(net.conv(net.input(4, 5, 5), 3))) == "no range of %data was calibrated"


@given(graphs())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_graphs_stay_valid_and_every_layer_has_a_word(graph: Graph) -> None:
    PassManager("@canonical").run(graph)
    with_ranges(graph)
    layers = [node.name for node in graph if is_layer(node)]
    twin = insert(clone(graph))
    words = events(twin)
    assert set(layers) <= set(words)
    for node in twin:
        if is_layer(node):
            through = node.inputs[0].producer
            assert (words[node.name] == "multiplies int8") == (through is not None and through.op == "dequantize")
    quantized = [node.inputs[0] for node in twin if node.op == "quantize"]
    assert len(quantized) == len(set(quantized))
    assert str(parse(str(twin))) == str(twin)
