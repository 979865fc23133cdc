"""Loops and conditionals as Scan, Loop and If of ONNX, run by ONNX Runtime."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from ngc.engines.onnx_forms import why_no_onnx
from ngc.ir import Graph, evaluate, parse
from tests.control_graphs import control_graphs, whole_feeds
from tests.ir.test_control import COND, LOOP, WHILE
from tests.onnx_models import checked, session


def check(graph: Graph, feeds: dict[str, np.ndarray]) -> None:
    for got, want in zip(session(checked(graph)).run(None, feeds), evaluate(graph, feeds), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_loop_that_scans() -> None:
    rng = np.random.default_rng(2)
    check(parse(LOOP), {name: rng.integers(-9, 9, shape).astype(np.float32) for name, shape in (("s", (2,)), ("x", (4, 2)), ("c", (2,)))})


@pytest.mark.parametrize("limit", [0, 3, 9])
def test_a_loop_that_ends_with_its_condition(limit: float) -> None:
    check(parse(WHILE), {"s": np.zeros(1, np.float32), "c": np.full(1, limit, np.float32)})


@pytest.mark.parametrize("predicate", [0, 3])
def test_a_conditional(predicate: int) -> None:
    check(parse(COND), {"p": np.full((1, 1), predicate, np.int32), "x": np.arange(3, dtype=np.float32)})


@pytest.mark.parametrize(("predicate", "op"), [(np.nan, 1), (-0.0, -1), (2.0, 1)])
def test_what_holds(predicate: float, op: int) -> None:
    graph = parse(COND.replace("i32[1,1]", "f32[1]"))
    feeds = {"p": np.full(1, predicate, np.float32), "x": np.zeros(3, np.float32)}
    assert evaluate(graph, feeds)[0][0] - evaluate(graph, feeds)[1][0] == 1
    check(graph, feeds)
    assert (evaluate(graph, feeds)[0][0] == 1) == (op == 1)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])
@given(control_graphs())
def test_random_ones(graph: Graph) -> None:
    assume(not any(why_no_onnx(node) for node in graph.nodes))
    check(graph, whole_feeds(graph))


@pytest.mark.parametrize(("text", "reason"), [
    (WHILE.replace("[1]", "[N]").replace("[5,1]", "[5,N]").replace("%goes_on = lesser(%s, %c) : f32[N]", "%goes_on = const @one : f32[1]"),
     "zeros behind the rows of a loop that ends early are a constant of ONNX, whose shape does not depend on N"),
    (LOOP.replace("mul(%moved, %c)", "gamma(%moved)"), "in its region body, ONNX has no gamma function"),
    (LOOP.replace("    }\n  }", "    }\n    graph @condition(%s: f32[2], %c: f32[2]) {\n      %p = const @p : f32[1]\n      return %p\n    }\n  }"),
     "a loop that scans and has a condition has no form in ONNX: Scan has no condition, Loop no scanned inputs"),
])
def test_refusals(text: str, reason: str) -> None:
    assert why_no_onnx(parse(text).nodes[0]) == reason
