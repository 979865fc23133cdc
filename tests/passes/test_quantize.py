"""int8: what is multiplied and stored as integers, what stays in f32 and why, and that every node keeps its meaning."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from ngc.errors import InputError, PassError
from ngc.ir import Graph, Step, SymDim, clone, evaluate, parse
from ngc.ir.random_data import random_feeds
from ngc.ir.tensor_type import Quant
from ngc.passes import PassContext, PassManager
from ngc.passes.quantize.plan import quant_of_range
from ngc.passes.value_ranges import Quantization, ValueRange
from tests.passes.nets import Net, ops, steps
from tests.passes.quantized import check_nodes, measured, quantize
from tests.strategies import feeds_for, graphs


def dtypes(graph: Graph) -> dict[str, str]:
    """Returns the element type of every value that is no constant, by name."""
    return {value.name: value.type.dtype for value in graph.values() if not value.is_const}


def events(graph: Graph) -> dict[str, str]:
    """Returns what the pass said of each layer."""
    return {event.node: event.reason for event in graph.events if event.rule == "precision"}


def checked(graph: Graph, **options: object) -> Graph:
    """Returns the graph quantized, each of its nodes compared with its original."""
    feeds = random_feeds(graph, 3, 2)
    result = quantize(graph, feeds, bias_correction=False, **options)
    check_nodes(graph, result, feeds)
    return result


def test_layers_multiply_integers_and_give_what_their_readers_want() -> None:
    net = Net()
    x = net.op("conv2d", net.input(4, 6, 6), net.const("w", 6, 4, 3, 3), net.const("b", 6), epilogue=(Step("bias"), Step("relu")), pad=(1, 1), name="first")
    y = net.op("pool", x, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool")
    flat = net.op("reshape", net.conv(y, 8, 3, name="second"), shape=(SymDim(), 8), name="flat")
    graph = checked(net.finish(net.dense(flat, 10)))
    assert ops(graph) == ["eltwise", "conv2d", "pool", "conv2d", "reshape", "dense"]
    assert dtypes(graph) == {"data": "f32", "data.u8": "u8", "first": "u8", "pool": "u8", "second": "u8", "flat": "u8", "dense": "f32"}
    assert steps(graph, "first") == ["affine"], "saturation does what a last relu does"
    assert graph.find("pool").type.quant == graph.find("first").type.quant
    assert graph.find("first").type.quant.zero_point == 0
    assert graph.find("second").producer.attrs["x_zero"] == 0
    assert graph.find("dense").producer.attrs["x_zero"] == graph.find("flat").type.quant.zero_point > 0
    assert events(graph) == dict.fromkeys(("first", "second", "dense"), "multiplies int8")
    assert graph.stage == "quantized"


def test_residuals_are_added_as_integers() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), x, name="unit", epilogue=(Step("add"), Step("relu")))
    graph = checked(net.finish(net.conv(y, 3, name="last")))
    assert steps(graph, "unit") == ["affine", "add_scaled"]
    assert dtypes(graph)["first"] == "u8"


def test_a_tee_is_stored_in_units_of_its_own() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    scale, shift = net.const("s", 4), net.const("t", 4)
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), x, scale, shift, name="unit", epilogue=(Step("add"), Step("tee"), Step("affine"), Step("relu")))
    raw = y.producer.outputs[1]
    graph = checked(net.finish(net.conv(y, 3, name="left"), net.conv(raw, 3, name="right")))
    stored = graph.find("unit").producer.outputs
    assert [value.type.dtype for value in stored] == ["u8", "u8"]
    assert stored[0].type.quant.zero_point == 0 < stored[1].type.quant.zero_point
    assert steps(graph, "unit") == ["affine", "add_scaled", "tee", "affine"]


def test_a_residual_of_floats_is_scaled() -> None:
    net = Net()
    wide = net.op("softmax", net.conv(net.input(4, 5, 5), 4, name="first"), axis=1, name="wide")
    y = net.op("conv2d", net.input(4, 5, 5, name="more"), net.const("w", 4, 4, 1, 1), wide, name="unit", epilogue=(Step("add"),))
    graph = checked(net.finish(net.conv(y, 3, name="last"), wide))
    assert [value.type.dtype for value in graph.find("unit").producer.inputs[-1:]] == ["u8"], "what can be stored so is quantized for its reader"


def test_a_squeezed_scale_is_multiplied_as_floats() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    gate = net.op("sigmoid", net.op("pool", x, kind="avg", kernel=(5, 5), stride=(1, 1), pad=(0, 0), name="pool"), name="gate")
    y = net.op("eltwise", x, gate, epilogue=(Step("multiply"), Step("relu")), name="scaled")
    graph = checked(net.finish(net.conv(y, 3, name="last")))
    assert dtypes(graph)["gate"] == "f32"
    assert steps(graph, "scaled")[1:] == ["multiply"]
    assert dtypes(graph)["scaled"] == "u8"


def test_other_activations_see_real_numbers() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    chain = (Step("tanh"), Step("prelu"), Step("leaky_relu", (0.1,)), Step("clip", (-0.25, 0.5)))
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), net.const("v", 4), name="unit", epilogue=chain)
    graph = checked(net.finish(net.conv(y, 3, name="last")))
    assert steps(graph, "unit") == ["affine", "tanh", "scale", "prelu", "leaky_relu", "scale"], "the range is that of the clip"


def test_relu6_is_what_saturation_does() -> None:
    net = Net()
    x = net.op("conv2d", net.input(4, 5, 5), net.const("w", 6, 4, 3, 3, low=-9, high=9), epilogue=(Step("clip", (0.0, 6.0)),), name="first")
    graph = checked(net.finish(net.conv(x, 3, name="last")))
    assert graph.find("first").type.quant == Quant((float(np.float32(6 / 255)),), 0)
    assert steps(graph, "first") == ["affine"]


def test_a_clip_that_saturation_does_not_do_stays() -> None:
    net = Net()
    x = net.op("conv2d", net.input(4, 5, 5), net.const("w", 6, 4, 3, 3), epilogue=(Step("clip", (-0.5, 6.0)), Step("tee"), Step("relu")), name="first")
    graph = checked(net.finish(net.conv(x, 3, name="last"), net.conv(x.producer.outputs[1], 3, name="other")))
    assert steps(graph, "first")[:3] == ["affine", "clip", "tee"]


def test_concats_join_values_of_one_scale() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="stem")
    left, right = (net.op("conv2d", x, net.const(f"w{i}", 3, 4, 1, 1, high=high), epilogue=(Step("relu"),), name=f"part{i}")
                   for i, high in enumerate((1.0, 9.0)))
    pooled = net.op("pool", x, kind="avg", kernel=(3, 3), stride=(1, 1), pad=(1, 1), count_include_pad=False, name="pooled")
    joined = net.op("concat", left, right, pooled, axis=1, name="joined")
    graph = checked(net.finish(net.conv(joined, 3, name="last")))
    quants = {name: graph.find(name).type.quant for name in ("part0", "part1", "pooled", "joined")}
    assert len(set(quants.values())) == 1
    assert ops(graph).count("eltwise") == 1


def test_averages_become_integers_of_their_own() -> None:
    net = Net()
    x = net.op("conv2d", net.input(4, 6, 6), net.const("w", 6, 4, 3, 3), epilogue=(Step("relu"),), name="first")
    y = net.op("pool", x, kind="avg", kernel=(3, 3), stride=(2, 2), pad=(1, 1), name="mean")
    graph = checked(net.finish(net.conv(y, 3, name="last")))
    assert dtypes(graph)["mean"] == "u8"
    assert steps(graph, "mean") == ["scale"]


def test_an_average_over_padding_needs_a_zero_that_is_0() -> None:
    net = Net()
    x = net.conv(net.input(4, 6, 6), 6, 3, name="first")
    y = net.op("pool", x, kind="avg", kernel=(3, 3), stride=(2, 2), pad=(1, 1), name="mean")
    assert dtypes(checked(net.finish(net.conv(y, 3, name="last"))))["mean"] == "f32"


def test_what_only_the_caller_reads_stays_in_f32() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    graph = checked(net.finish(x, net.conv(x, 3, name="last")))
    assert dtypes(graph) == {"data": "f32", "data.u8": "u8", "first": "f32", "first.u8": "u8", "last": "f32"}


def test_padding_moves_the_zero_point() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    y = net.op("pad", x, widths=(0, 0, 0, 0, 1, 1, 1, 1), mode="constant", value=0.0, name="padded")
    graph = checked(net.finish(net.conv(y, 3, 3, name="last")))
    assert graph.find("padded").producer.attrs["value"] == graph.find("first").type.quant.zero_point > 0


def test_a_float_layer_between_integer_ones_stores_integers() -> None:
    net = Net()
    x = net.conv(net.input(4, 5, 5), 4, name="first")
    y = net.op("conv2d", x, net.const("w", 4, 4, 1, 1), epilogue=(Step("relu"),), name="middle")
    graph = checked(net.finish(net.conv(y, 3, name="last")), exclude=("middle",))
    assert dtypes(graph) == {"data": "f32", "data.u8": "u8", "first": "f32", "middle": "u8", "last": "f32"}
    assert steps(graph, "middle") == ["scale"]
    assert events(graph)["middle"] == "excluded by 'middle'"


@pytest.mark.parametrize(("build", "reason"), [
    (lambda net, x: net.deconv(x, 4, name="it"), "deconv2d has no int8 form"),
    (lambda net, x: net.op("conv2d", x, net.op("identity", net.const("w", 3, 4, 1, 1), name="moved"), name="it"), "the weights %moved are no constant"),
    (lambda net, x: net.op("conv2d", x, net.const("w", 3, 4, 1, 1), prologue=(Step("relu"),), name="it"), "it has a prologue"),
    (lambda net, x: net.op("dense", net.op("reshape", x, shape=(SymDim(4), 25), name="flat"), net.const("w", 3, 25), name="it"),
     "25 inputs of a dense layer do not make fours"),
    (lambda net, x: net.op("conv2d", net.const("fixed", 1, 4, 5, 5), net.const("w", 3, 4, 1, 1), name="it"), "the data %fixed is a constant"),
    (lambda net, x: net.op("conv2d", x, net.b.const("w", np.full((3, 4, 1, 1), np.inf, np.float32)), name="it"), "weights are not finite"),
])
def test_refusals(build: object, reason: str) -> None:
    net = Net()
    graph = net.finish(build(net, net.input(4, 5, 5)))  # type: ignore[operator]
    quantized = quantize(graph, random_feeds(graph, 3, 2))
    assert events(quantized) == {"it": reason}
    assert set(dtypes(quantized).values()) == {"f32"}


def test_layers_without_a_range_stay_in_f32() -> None:
    net = Net()
    graph = net.finish(net.conv(net.input(4, 5, 5), 3, name="it"))
    PassManager("quantize").run(graph, PassContext(quantization=Quantization({})))
    assert events(graph) == {"it": "no range of %data was calibrated"}


def test_sums_that_might_overflow_stay_in_f32() -> None:
    net = Net()
    graph = net.finish(net.dense(net.input(66400), 2))
    PassManager("quantize", verify_each=False).run(graph, PassContext(quantization=Quantization({"data": ValueRange(0, 1)})))
    assert events(graph) == {"dense": "sums of 66400 products may exceed 32 bits"}


def test_other_element_types_stay_what_they_are() -> None:
    net = Net("f64")
    graph = net.finish(net.conv(net.input(4, 5, 5), 3, name="it"))
    assert events(quantize(graph, random_feeds(graph, 3, 2))) == {"it": "the data is f64, not f32"}


def test_ranges_are_needed() -> None:
    net = Net()
    with pytest.raises(PassError, match="quantize needs calibrated ranges"):
        PassManager("quantize").run(net.finish(net.conv(net.input(4, 5, 5), 3)))


def test_what_the_caller_gave_wrong_is_an_input_error() -> None:
    net = Net()
    graph = net.finish(net.conv(net.input(4, 5, 5), 3, name="it"))
    with pytest.raises(InputError, match=r"^cannot exclude: 'its' matches nothing; did you mean 'it'\?$"):
        PassManager("quantize").run(graph, PassContext(quantization=Quantization({"data": ValueRange(0, 1)}, exclude=("its",))))


def test_the_mean_error_of_rounded_weights_is_taken_out() -> None:
    net = Net()
    graph = net.finish(net.conv(net.input(16, 5, 5), 8, name="it"))
    feeds = {"data": np.random.default_rng(1).uniform(0, 1, (64, 16, 5, 5)).astype(np.float32)}
    ranges = {name: ValueRange(known.low, known.high, tuple(feeds["data"].mean(axis=(0, 2, 3)).tolist())) for name, known in measured(graph, feeds).items()}
    errors = []
    for bias_correction in (False, True):
        quantized = clone(graph)
        PassManager("quantize", verify_each=False).run(quantized, PassContext(quantization=Quantization(ranges, bias_correction=bias_correction)))
        error = evaluate(quantized, feeds)[0] - evaluate(graph, feeds)[0]
        errors.append(np.abs(error.mean(axis=(0, 2, 3))).max())
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize(("low", "high", "quant"), [
    (0.0, 255.0, Quant((1.0,), 0)), (-1.0, 254.0, Quant((1.0,), 1)), (-255.0, 0.0, Quant((1.0,), 255)), (0.0, 0.0, Quant((1.0,), 0)),
    (3.0, 51.0, Quant((float(np.float32(0.2)),), 0)), (0.0, 1e-46, Quant((1.0,), 0)),
])
def test_a_range_holds_zero_exactly(low: float, high: float, quant: Quant) -> None:
    assert quant_of_range(low, high) == quant


def network() -> Graph:
    """Returns two layers whose names come from a model."""
    return parse("""graph @net(%data: f32[N,4,5,5]) stage("fused") {
  %w = const @w : f32[4,4,1,1]
  %a = conv2d(%data, %w) {epilogue=[relu]} : f32[N,4,5,5] loc("stage1_conv0", "stage1_relu0")
  %b = conv2d(%a, %w) : f32[N,4,5,5] loc("stage2_conv0")
  return %b
}""")


@pytest.mark.parametrize(("pattern", "found"), [
    ("stage1_conv0", "a"), ("stage1_relu0", "a"), ("b", "b"), ("stage2_*", "b"), ("re:stage\\d_relu\\d", "a"), ("op:Convolution", "ab"), ("op:conv?d", "ab"),
])
def test_patterns_name_original_nodes(pattern: str, found: str) -> None:
    from ngc.passes.quantize.exclusion import excluded_nodes

    assert {node.name: reason for node, reason in excluded_nodes(network(), [pattern]).items()} == dict.fromkeys(found, f"excluded by {pattern!r}")


@pytest.mark.parametrize(("patterns", "text"), [
    (["stage1_conv1"], "cannot exclude: 'stage1_conv1' matches nothing; did you mean 'stage1_conv0'"),
    (["op:Convolutoin"], "'op:Convolutoin' matches nothing; did you mean 'op:Convolution'"),
    (["re:("], "'re:(' is no regular expression: missing ), unterminated subpattern at position 0"),
    (["zzz", "b", "yyy*"], "cannot exclude: 'zzz' matches nothing; 'yyy*' matches nothing"),
])
def test_a_pattern_that_matches_nothing_is_an_error(patterns: list[str], text: str) -> None:
    from ngc.passes.quantize.exclusion import excluded_nodes

    with pytest.raises(InputError) as caught:
        excluded_nodes(network(), patterns)
    assert text in str(caught.value)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs(with_steps=True))
def test_random_graphs_keep_their_meaning(graph: Graph) -> None:
    feeds = feeds_for(graph)
    check_nodes(graph, quantize(graph, feeds, bias_correction=False), feeds)


def mobile(*, relu: bool = True, readers: int = 1) -> tuple[Graph, Graph]:
    """Returns a pointwise and a depthwise convolution, and the same quantized by ranges of each channel."""
    net = Net()
    x = net.op("conv2d", net.input(4, 6, 6), net.const("w", 6, 4, 1, 1), epilogue=(Step("relu"),) if relu else (), name="first")
    y = net.conv(x, 6, 3, groups=6, name="depthwise")
    graph = net.finish(y, *(net.conv(x, 3, name=f"other{i}") for i in range(readers - 1)))
    feeds = random_feeds(graph, 3, 2)
    highs = (1.0, 0.5, 0.25, 0.0, 9.0, 2.0)
    ranges = {name: ValueRange(known.low, 2.0, None, (0.0,) * 6, highs) if name == "first" else known for name, known in measured(graph, feeds).items()}
    quantized = clone(graph)
    PassManager("quantize").run(quantized, PassContext(quantization=Quantization(ranges, bias_correction=False)))
    check_nodes(graph, quantized, feeds)
    return graph, quantized


def test_data_of_depthwise_convolutions_has_a_scale_for_each_channel() -> None:
    quant = mobile()[1].find("first").type.quant
    assert quant.axis == 1
    np.testing.assert_allclose(np.array(quant.scale) * 255, [1.1, 0.55, 0.275, 2.0, 2.0, 2.0], rtol=1e-6)


@pytest.mark.parametrize("options", [{"relu": False}, {"readers": 2}])
def test_other_data_has_one_scale(options: dict) -> None:
    assert mobile(**options)[1].find("first").type.quant.axis is None


def test_an_average_over_padding_needs_a_zero_that_is_0_for_all_who_share_its_scale() -> None:
    net = Net()
    x = net.input(4, 6, 6)
    left = net.op("conv2d", x, net.const("w1", 4, 4, 1, 1), epilogue=(Step("relu"),), name="left")
    right = net.conv(x, 4, name="right")
    mean = net.op("pool", left, kind="avg", kernel=(3, 3), stride=(1, 1), pad=(1, 1), name="mean")
    graph = checked(net.finish(net.conv(net.op("concat", left, right, axis=1), 3, name="last"), net.conv(mean, 3, name="other")))
    assert graph.find("left").type.quant.zero_point > 0
    assert dtypes(graph)["mean"] == "f32"


def test_averages_have_one_scale() -> None:
    net = Net()
    x = net.op("conv2d", net.input(4, 6, 6), net.const("w", 6, 4, 1, 1), epilogue=(Step("relu"),), name="first")
    mean = net.op("pool", x, kind="avg", kernel=(3, 3), stride=(1, 1), pad=(0, 0), name="mean")
    graph = net.finish(net.conv(mean, 6, 3, groups=6, name="depthwise"))
    ranges = {name: ValueRange(known.low, known.high, None, (0.0,) * 6, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
              for name, known in measured(graph, random_feeds(graph, 3, 2)).items()}
    PassManager("quantize").run(graph, PassContext(quantization=Quantization(ranges)))
    assert graph.find("mean").type.quant.axis is None


def test_what_is_no_layer_can_be_excluded_too() -> None:
    net = Net()
    x = net.op("conv2d", net.input(4, 6, 6), net.const("w", 6, 4, 3, 3), epilogue=(Step("relu"),), name="first")
    y = net.op("pool", x, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool")
    graph = net.finish(net.conv(y, 8, name="second"))
    assert dtypes(checked(graph))["pool"] == "u8"
    found = dtypes(checked(graph, exclude=("op:Pooling",)))
    assert (found["first"], found["pool"], found["pool.u8"]) == ("f32", "f32", "u8")


def test_dense_layers_over_the_last_of_three_axes_have_no_means() -> None:
    net = Net()
    graph = net.finish(net.op("dense", net.input(5, 16), net.const("w", 3, 16), name="it"))
    ranges = {"data": ValueRange(-1.0, 1.0, (0.5,) * 5)}
    PassManager("quantize").run(graph, PassContext(quantization=Quantization(ranges)))
    assert events(graph) == {"it": "multiplies int8"}


def test_means_must_be_those_of_the_channels() -> None:
    net = Net()
    graph = net.finish(net.conv(net.input(4, 5, 5), 3, name="it"))
    with pytest.raises(InputError, match="calibration has means of 3 channels of %data, which has 4; calibrate again"):
        PassManager("quantize").run(graph, PassContext(quantization=Quantization({"data": ValueRange(0, 1, (0.1,) * 3)})))


def test_channels_of_denormal_weights_are_channels_of_zeros() -> None:
    net = Net()
    weights = np.ones((2, 4, 1, 1), np.float32)
    weights[1] = 1e-43
    graph = net.finish(net.op("conv2d", net.input(4, 5, 5), net.b.const("w", weights), name="it"))
    quantized = checked(graph)
    assert np.isfinite(evaluate(quantized, random_feeds(graph, 3, 2))[0]).all()


def test_a_pattern_does_not_suggest_itself() -> None:
    from ngc.passes.quantize.exclusion import excluded_nodes

    with pytest.raises(InputError, match=r"^cannot exclude: 'op:elemwise_add' matches nothing$"):
        excluded_nodes(network(), ["op:elemwise_add"])
