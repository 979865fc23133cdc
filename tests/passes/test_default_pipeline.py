"""The default pipelines as a whole: any graph keeps its numbers, and the networks that people use fuse as far as they should."""

import numpy as np
from hypothesis import HealthCheck, given, settings

from ngc.ir import Graph, evaluate
from ngc.passes import PIPELINES, PassManager
from tests.passes.nets import Net, ops
from tests.strategies import feeds_for, graphs

FUSED = PIPELINES["cpu-fp32"].removesuffix(",assign-layout")


def check(graph: Graph, pipeline: str) -> None:
    """Asserts that a pipeline keeps the outputs; squares of squares amplify the last bit, hence a tolerance far above one rounding."""
    feeds = feeds_for(graph)
    before = evaluate(graph, feeds)
    PassManager(pipeline).run(graph)
    for was, now in zip(before, evaluate(graph, feeds), strict=True):
        scale = max(1.0, float(np.abs(was[np.isfinite(was)]).max(initial=0)))
        np.testing.assert_allclose(now / scale, was / scale, rtol=2e-4, atol=2e-4)


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(graphs(max_nodes=12))
def test_random_graphs_keep_their_numbers(graph: Graph) -> None:
    check(graph, FUSED)


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(graphs(with_steps=True))
def test_random_graphs_with_steps_keep_their_numbers(graph: Graph) -> None:
    check(graph, FUSED)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(graphs(max_nodes=6))
def test_a_second_run_changes_nothing(graph: Graph) -> None:
    PassManager(FUSED).run(graph)
    text = str(graph)
    PassManager(FUSED).run(graph)
    assert str(graph) == text


def test_a_dense_block_and_a_preactivation_block_in_one_network() -> None:
    net = Net()
    x = net.op("relu", net.batch_norm(net.conv(net.batch_norm(net.input(3, 8, 8), name="data_bn", fix_gamma=True), 8, 3, name="stem", pad=1), name="stem_bn"))
    x = net.op("pool", x, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0))
    y = net.conv(net.op("relu", net.batch_norm(x, name="a_bn")), 8, name="a")
    y = net.conv(net.op("relu", net.batch_norm(y, name="b_bn")), 8, 3, name="b", pad=1)
    x = net.op("add", y, x)
    y = net.conv(net.op("relu", net.batch_norm(x, name="c_bn")), 8, 3, name="c", pad=1)
    x = net.op("add", x, net.op("dropout", y))
    x = net.op("relu", net.batch_norm(x, name="d_bn"))
    x = net.op("pool", x, kind="avg", kernel=(4, 4), stride=(1, 1), pad=(0, 0))
    graph = net.finish(net.dense(net.op("reshape", x, shape=(x.type.shape[0], 8)), 10))
    check(graph, FUSED)
    assert ops(graph) == ["eltwise", "conv2d", "pool", "conv2d", "conv2d", "conv2d", "pool", "reshape", "dense"]
    epilogues = {node.locs or node.name: [step.kind for step in node.attrs["epilogue"]] for node in graph if node.op == "conv2d"}
    assert list(epilogues.values()) == [["bias", "relu"], ["bias", "relu"], ["add", "tee", "affine", "relu"], ["add", "affine", "relu"]]
