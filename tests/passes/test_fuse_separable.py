"""Separable convolutions: depthwise convolutions fused into the pointwise ones that read them."""

import pytest

from ngc.ir import Step, SymDim, Value
from ngc.ir.tensor_type import TensorType
from ngc.passes import PassManager
from ngc.passes.fuse_separable import known_bytes
from tests.passes.nets import Net, ops, refusals, run, steps

PASS = "fuse-separable{least-bytes=0}"
RULE = "DepthwiseThenPointwise"


def depthwise(net: Net, x: Value, name: str = "dw", **attrs) -> Value:
    channels = int(x.type.shape[1])  # type: ignore[arg-type]
    return net.conv(x, channels, 3, name=name, groups=channels, pad=1, **attrs)


def refused(net: Net, *outputs: Value, pipeline: str = PASS) -> list[str]:
    return refusals(run(net.finish(*outputs), pipeline), RULE)


def test_the_steps_of_both_convolutions_are_kept() -> None:
    net = Net()
    x = net.input(8, 6, 6)
    middle = depthwise(net, x, bias=True, stride=2)
    graph = run(net.finish(net.conv(middle, 5, name="pw", bias=True)), PASS)
    assert ops(graph) == ["separable_conv2d"]
    assert (steps(graph, "pw", "prologue"), steps(graph, "pw")) == (["bias"], ["bias"])
    fused = graph.find("pw").producer
    assert fused is not None
    assert (fused.attrs["stride"], fused.attrs["pad"], fused.attrs["groups"]) == ((2, 2), (1, 1), 8)
    assert [value.name for value in fused.inputs[:3]] == ["data", "dw_weight", "pw_weight"]


def test_a_residual_stays_in_the_epilogue() -> None:
    net = Net()
    x = net.op("sin", net.input(8, 6, 6))
    graph = run(net.finish(net.op("add", net.conv(depthwise(net, x), 8, name="pw"), x)), f"fuse-conv,{PASS}")
    assert ops(graph) == ["sin", "separable_conv2d"]


def test_refuses_a_reader_that_is_no_pointwise_convolution() -> None:
    net = Net()
    reason = "the reader is no 1x1 convolution at stride 1 in one group"
    x = net.input(8, 6, 6)
    readers = [net.conv(depthwise(net, x, "a"), 8, 3, name="wide"), net.conv(depthwise(net, x, "b"), 8, name="strided", stride=2),
               net.conv(depthwise(net, x, "c"), 8, name="grouped", groups=2)]
    assert refused(net, *readers) == [reason] * 3


def test_refuses_a_reader_that_pads() -> None:
    net = Net()
    assert refused(net, net.conv(depthwise(net, net.input(8, 6, 6)), 8, name="pw", pad=1)) == ["the 1x1 convolution pads its input"]


def test_refuses_a_prologue_on_either_side() -> None:
    net = Net()
    assert refused(net, net.conv(depthwise(net, net.input(8, 6, 6)), 8, name="pw", prologue=(Step("relu"),))) == ["the 1x1 convolution has a prologue"]
    net = Net()
    assert refused(net, net.conv(depthwise(net, net.input(8, 6, 6), prologue=(Step("relu"),)), 8, name="pw")) == ["%dw has a prologue"]


def test_refuses_a_result_that_others_read_or_that_is_returned() -> None:
    net = Net()
    middle = depthwise(net, net.input(8, 6, 6))
    assert refused(net, net.conv(middle, 8, name="pw"), net.op("cos", middle)) == ["%dw has another user"]
    net = Net()
    middle = depthwise(net, net.input(8, 6, 6))
    assert refused(net, net.conv(middle, 8, name="pw"), middle) == ["%dw is a graph output"]


@pytest.mark.parametrize("kind", ["add", "multiply"])
def test_refuses_steps_between_that_read_tensors(kind: str) -> None:
    net = Net()
    x = net.input(8, 6, 6)
    op = {"add": "add", "multiply": "mul"}[kind]
    middle = net.op(op, depthwise(net, x), x)
    reasons = refused(net, net.conv(middle, 8, name="pw"), pipeline=f"fuse-conv,{PASS}")
    assert reasons == [f"%dw has the step {kind}, which needs its result in memory"]


def test_refuses_a_tee_between() -> None:
    net = Net()
    raw = depthwise(net, net.input(8, 6, 6))
    reasons = refused(net, net.conv(net.op("relu", raw), 8, name="pw"), net.op("cos", raw), pipeline=f"fuse-preactivation,{PASS}")
    assert len(reasons) == 1
    assert reasons[0].endswith("has the step tee, which needs its result in memory")


def test_refuses_weights_that_are_no_constants() -> None:
    net = Net()
    weights = net.b.input("w", (8, 8, 1, 1), "f32")
    assert refused(net, net.conv(depthwise(net, net.input(8, 6, 6)), 8, name="pw", weights=weights)) == ["the weights are no constants"]


def test_bf16_through_both_parts() -> None:
    net = Net()
    middle = depthwise(net, net.op("sin", net.input(8, 6, 6)), bias=True)
    graph = run(net.finish(net.conv(middle, 5, name="pw")), f"convert-precision,fold-constants,{PASS}", 3 * 2.0**-8)
    fused = graph.find("pw").producer
    assert fused is not None
    assert (fused.op, fused.attrs["result"]) == ("separable_conv2d", "f32")
    assert [value.type.dtype for value in fused.inputs] == ["bf16", "bf16", "bf16", "f32"]


def test_refuses_a_depthwise_result_of_another_type() -> None:
    net = Net()
    x = net.op("cast", net.input(8, 6, 6), dtype="bf16")
    weights = net.op("cast", net.const("w", 8, 1, 3, 3), dtype="bf16")
    middle = net.conv(x, 8, 3, name="dw", weights=weights, groups=8, pad=1, result="f32")
    assert refused(net, net.conv(middle, 5, name="pw"), pipeline=f"fold-constants,{PASS}") == ["the depthwise convolution of bf16 gives f32"]


def test_refuses_other_element_types() -> None:
    net = Net("f64")
    assert refused(net, net.conv(depthwise(net, net.input(8, 6, 6)), 8, name="pw")) == ["the kernel computes f32 and bf16, not f64"]


def test_refuses_few_channels() -> None:
    net = Net()
    assert refused(net, net.conv(depthwise(net, net.input(4, 6, 6)), 8, name="pw")) == ["the input has 4 channels and stays in planes"]


def test_refuses_what_stays_in_cache() -> None:
    net = Net()
    reasons = refused(net, net.conv(depthwise(net, net.input(8, 6, 6)), 8, name="pw"), pipeline="fuse-separable")
    assert reasons == ["the 1152 bytes between the two stay in cache"]


def test_a_fixed_batch_counts() -> None:
    assert known_bytes(TensorType((SymDim(), 8, 6, 6))) == 1152
    assert known_bytes(TensorType((16, 8, 6, 6))) == 16 * 1152


def test_leaves_a_convolution_alone_that_reads_no_depthwise_one() -> None:
    net = Net()
    graph = net.finish(net.conv(net.conv(net.input(8, 6, 6), 8, 3, name="full"), 8, name="pw"))
    PassManager(PASS).run(graph)
    assert (ops(graph), refusals(graph, RULE)) == (["conv2d", "conv2d"], [])
