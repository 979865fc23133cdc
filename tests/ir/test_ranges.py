"""Calibrated ranges and excluded patterns: kept by copies and text, and carried by every edit of a graph."""

from typing import Any

import numpy as np
import pytest

from ngc.errors import ParseError, VerifyError
from ngc.ir import Graph, clone, parse, verify
from ngc.ir.rewrite import Rewriter
from ngc.passes import PassContext, PassManager

TEXT = """graph @net(%data: f32[1,4]) excluded("conv0", "*_bn") {
  %a = relu(%data) : f32[1,4]
  %b = tanh(%a) : f32[1,4]
  range %a [0.0,2.5]
  range %data [-3.0,2.5]
  return %b
}"""


def node(graph: Graph, name: str) -> Any:
    return graph.find(name).producer


def test_text_and_copies_keep_them() -> None:
    graph = parse(TEXT)
    assert graph.ranges == {"a": (0.0, 2.5), "data": (-3.0, 2.5)}
    assert graph.excluded == ("conv0", "*_bn")
    assert str(graph) == TEXT
    copy = clone(graph)
    assert str(copy) == TEXT
    copy.ranges.clear()
    assert str(graph) == TEXT


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  range %c [0.0,1.0]", "%c is not defined above"),
        ("  range %a [2.0,1.0]", "a range is a list of two numbers, the smallest first"),
        ("  range %a [nan,1.0]", "a range is a list of two numbers, the smallest first"),
        ("  range %a [1.0]", "a range is a list of two numbers, the smallest first"),
        ('  range %a "wide"', "a range is a list of two numbers, the smallest first"),
    ],
)
def test_damaged_ranges_are_refused(line: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse(TEXT.replace("  range %a [0.0,2.5]", line))


def test_excluded_patterns_are_texts() -> None:
    with pytest.raises(ParseError, match="a pattern of node names"):
        parse(TEXT.replace('"conv0"', "conv0"))


def test_a_range_of_no_value_is_found() -> None:
    graph = parse(TEXT)
    verify(graph)
    graph.ranges["gone"] = (0.0, 1.0)
    with pytest.raises(VerifyError, match="the range of %gone speaks of no value of this graph"):
        verify(graph)


def test_a_renamed_value_takes_its_range_along() -> None:
    graph = parse(TEXT)
    Rewriter(graph).rename(graph.find("a"), "active")
    assert graph.ranges == {"active": (0.0, 2.5), "data": (-3.0, 2.5)}


def test_a_replacement_has_the_range_of_what_it_replaces() -> None:
    graph = parse(TEXT)
    rewriter = Rewriter(graph)
    old = graph.find("a")
    fresh = rewriter.insert("clip", [graph.find("data")], {"a_min": 0.0, "a_max": float("inf")}, before=node(graph, "a"), name="clipped")
    rewriter.replace_uses(old, fresh.output)
    rewriter.erase(node(graph, "a"))
    assert graph.ranges == {"clipped": (0.0, 2.5), "data": (-3.0, 2.5)}


def test_an_updated_node_keeps_its_range() -> None:
    graph = parse(TEXT)
    Rewriter(graph).update(node(graph, "a"), "clip", [graph.find("data")], {"a_min": 0.0, "a_max": float("inf")})
    assert graph.ranges == {"a": (0.0, 2.5), "data": (-3.0, 2.5)}


CONV_BN_RELU = """graph @net(%data: f32[1,1,4,4]) {
  %w = const @w : f32[1,1,1,1]
  %p = const @p : f32[1]
  %conv = conv2d(%data, %w) : f32[1,1,4,4]
  %bn = batch_norm(%conv, %p, %p, %p, %p) : f32[1,1,4,4]
  %relu = relu(%bn) : f32[1,1,4,4]
  %pool = pool(%relu) {kind="max", kernel=[2,2], stride=[2,2], pad=[0,0]} : f32[1,1,2,2]
RANGES
  return %pool
}"""


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"conv": (-1.0, 1.0)}, {}),
        ({"bn": (-2.0, 2.0)}, {}),
        ({"relu": (0.0, 3.0)}, {"conv": (0.0, 3.0)}),
        ({"conv": (-1.0, 1.0), "relu": (0.0, 3.0), "pool": (0.0, 3.5)}, {"conv": (0.0, 3.0), "pool": (0.0, 3.5)}),
    ],
)
def test_a_fused_value_has_the_range_of_the_last_operator(given: dict[str, tuple[float, float]], wanted: dict[str, tuple[float, float]]) -> None:
    lines = "\n".join(f"  range %{name} [{low},{high}]" for name, (low, high) in given.items())
    weights = {"w": np.ones((1, 1, 1, 1), np.float32), "p": np.ones(1, np.float32)}
    graph = parse(CONV_BN_RELU.replace("RANGES", lines), weights)
    PassManager("fold-batch-norm,fuse-conv").run(graph, PassContext())
    assert [item.op for item in graph.nodes if item.op != "const"] == ["conv2d", "pool"]
    assert graph.ranges == wanted


def test_a_stride_that_moves_takes_the_range_along() -> None:
    text = """graph @net(%data: f32[1,8,4,4]) {
  %w = const @w : f32[8,8,1,1]
  %a = conv2d(%data, %w) : f32[1,8,4,4]
  %r = relu(%a) : f32[1,8,4,4]
  %b = conv2d(%r, %w) {stride=[2,2]} : f32[1,8,2,2]
  range %data [-1.0,1.0]
  range %r [0.0,2.0]
  return %b
}"""
    graph = parse(text, {"w": np.ones((8, 8, 1, 1), np.float32)})
    assert PassManager("hoist-strides").run(graph, PassContext())
    assert graph.find("r").type.shape == (1, 8, 2, 2)
    assert graph.ranges["r"] == (0.0, 2.0)
    assert graph.ranges["data"] == (-1.0, 1.0)
