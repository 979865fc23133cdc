"""Passes that narrow types: each node by itself, what saturates, and where the tolerance comes from."""

import numpy as np
import pytest

from ngc.errors import PassError
from ngc.ir import Graph, parse
from ngc.ir.random_data import fill_missing_weights, random_feeds
from ngc.passes import PassContext, PassManager
from ngc.passes.instruments import CheckFinite, CheckNumerics
from ngc.passes.instruments.rounding import RoundingCheck, narrowed_to, root_mean_square
from ngc.passes.instruments.tolerance import Difference, Tolerance
from ngc.target import parse_target
from tests.opt.faulty_passes import FoldWithWrongEpsilon
from tests.opt.test_faults import NET
from tests.passes.instruments.test_instruments import Log


def network(text: str = NET) -> Graph:
    graph = parse(text)
    fill_missing_weights(graph)
    return graph


def context() -> PassContext:
    return PassContext(parse_target("cpu:znver4"))


def test_the_narrowest_new_type() -> None:
    before, after = network(), network()
    PassManager("@cpu-int8").run(after, context())
    assert narrowed_to(before, after) == "u8"
    assert narrowed_to(after, after) is None
    assert narrowed_to(after, before) is None
    halves = network()
    PassManager("canonicalize,partition{engine=tensorrt},optimize-regions{precision=fp16}").run(halves, context())
    assert narrowed_to(before, halves) == "f16"


def test_rounding_alone_is_within_what_is_allowed() -> None:
    before = network()
    PassManager("canonicalize,fold-batch-norm,fuse-conv,fuse-elementwise").run(before, context())
    after = parse(str(before), {node.weight.name: node.weight.array for node in before.nodes if node.weight is not None})
    PassManager("quantize").run(after, context())
    outputs, results = RoundingCheck(before, after, None, "u8").run(random_feeds(before))
    assert [output.shape for output in outputs] == [(2, 8, 8, 8)]
    assert {"conv0", "conv1", "data.u8"} <= {rounded.name for rounded in results}
    for rounded in results:
        assert 0 <= rounded.error < rounded.allowed, rounded
        assert rounded.saturated < 0.01, rounded


@pytest.mark.parametrize("pipeline", ["@cpu-int8", "@cpu-bf16", "@tensorrt-int8", "@tensorrt-fp16"])
def test_every_precision_passes(pipeline: str) -> None:
    log, graph = Log(), network()
    PassManager(pipeline, instruments=[CheckNumerics(random_feeds(graph), write=log.append), CheckFinite(random_feeds(graph))]).run(graph, context())
    assert log.text().count("of their size, most of one node %") == 1


def test_saturation_is_named_where_no_node_is_wrong() -> None:
    graph = network(NET.replace("range %data [-4.0,3.96875]", "range %data [-0.25,0.25]"))
    with pytest.raises(PassError) as caught:
        PassManager("@cpu-int8", instruments=[CheckNumerics(random_feeds(graph))]).run(graph, context())
    text = str(caught.value)
    assert text.startswith("pass quantize (13): outputs moved by ")
    assert "50% is allowed\nno node by itself loses more than rounding explains; " in text
    assert "% of %data.u8 lie beyond what its integers hold: is the calibration of such data?\n" in text


def test_a_tolerance_for_rounding() -> None:
    graph = network()
    with pytest.raises(PassError, match=r"pass quantize \(13\) moves %conv2 by [0-9.]+% of its size; rounding explains"):
        PassManager("@cpu-int8", instruments=[CheckNumerics(random_feeds(graph), Tolerance(rounding=1e-4))]).run(graph, context())


def test_a_rule_firing_inside_a_region() -> None:
    graph, ctx = network(), context()
    ctx.own_passes = {"fold-batch-norm": FoldWithWrongEpsilon}
    with pytest.raises(PassError) as caught:
        PassManager("@tensorrt-fp16", instruments=[CheckNumerics(random_feeds(graph))]).run(graph, ctx)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("pass optimize-regions / fold-batch-norm (4) moves the output 'conv2_output' by ")
    assert lines[1:3] == ["with the rule FixedEpsilon at %bn0: affine(conv(x, W) + b) = conv(x, W*s) + (b*s + t)",
                          "from MXNet's bn0 (node 7 of net-symbol.json)"]
    assert lines[-1].startswith("in pass optimize-regions{precision=fp16}, after canonicalize")
    assert not ctx.region_instruments


def test_differences() -> None:
    one = np.float32([1, -4])
    assert str(Difference.of(one, one + 1)) == "max abs 1, rel 0.25"
    assert Difference.of(one, one[:1]).relative == np.inf
    assert Difference.of(np.zeros(2), np.zeros(2)).relative == 0
    assert Difference.of(np.zeros(2), np.ones(2)).relative == np.inf
    assert root_mean_square(np.float32([3, -3])) == 3
    assert root_mean_square(np.zeros(0)) == 0
