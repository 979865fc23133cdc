"""Element-wise groups: what becomes steps, what joins, what stays."""

import pytest

from ngc.ir import Step
from tests.passes.nets import EPS, Net, ops, refusals, run, steps

PASS = "fuse-elementwise"
TOLERANCE = 8 * EPS
"""Scale and shift are rounded to single precision, and divisions multiply by the inverse."""


def test_a_chain_becomes_one_node() -> None:
    net = Net()
    x = net.op("prelu", net.batch_norm(net.input(4, 5, 5)), net.const("slope", 4))
    graph = run(net.finish(net.op("tanh", net.op("div", x, scalar=3.0), name="last")), PASS, TOLERANCE)
    assert ops(graph) == ["eltwise"]
    assert steps(graph, "last") == ["affine", "prelu", "scale", "tanh"]
    assert graph.stage == "fused"


def test_a_single_batch_norm() -> None:
    net = Net()
    graph = run(net.finish(net.batch_norm(net.input(3, 5, 5))), PASS, TOLERANCE)
    assert graph.find("bn").producer.attrs["epilogue"] == (Step("affine"),)
    assert [node.name for node in graph if node.op == "const"] == ["bn_scale", "bn_shift"]


def test_hard_swish_reads_its_operand_once_more_in_the_same_loop() -> None:
    net = Net()
    x = net.op("sin", net.input(4, 5, 5))
    gate = net.op("clip", net.op("add", x, scalar=3.0), a_min=0.0, a_max=6.0)
    graph = run(net.finish(net.op("div", net.op("mul", x, gate), scalar=6.0, name="last")), PASS, TOLERANCE)
    assert ops(graph) == ["sin", "eltwise"]
    assert steps(graph, "last") == ["scale", "clip", "multiply", "scale"]


def test_sums_products_and_gates() -> None:
    net = Net()
    x, y = net.input(4, 5, 5), net.input(4, 5, 5, name="more")
    gate = net.op("softmax", net.op("pool", x, kind="avg", kernel=(5, 5), stride=(1, 1), pad=(0, 0)), axis=1)
    graph = run(net.finish(net.op("mul", gate, net.op("add", net.op("relu", x), y), name="last")), PASS, TOLERANCE)
    assert ops(graph) == ["pool", "softmax", "eltwise"]
    assert steps(graph, "last") == ["relu", "add", "multiply"]


def test_the_side_with_a_chain_leads() -> None:
    net = Net()
    x, y = net.input(4, 5, 5), net.input(4, 5, 5, name="more")
    graph = run(net.finish(net.op("add", x, net.op("relu", y), name="last"), net.op("sub", x, net.op("tanh", y), name="difference")), PASS, TOLERANCE)
    assert ops(graph) == ["eltwise", "eltwise"]
    assert steps(graph, "last") == ["relu", "add"]
    assert sorted(steps(graph, "difference")) == ["add", "scale", "tanh"]


@pytest.mark.parametrize("op", ["sin", "floor", "maximum", "equal"])
def test_what_is_no_step_stays(op: str) -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = run(net.finish(net.op(op, x, *([x] if op in ("maximum", "equal") else []))), PASS)
    assert ops(graph) == [op]


def test_refuses_other_element_types() -> None:
    net = Net("f64")
    graph = run(net.finish(net.op("relu", net.input(4, 5, 5))), PASS)
    assert refusals(graph, "ElementwiseToSteps") == ["the data is f64, and element-wise groups run on f32"]


def test_refuses_other_broadcasts() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    row = net.op("reduce_sum", x, axes=(2,), keepdims=True, name="row")
    graph = run(net.finish(net.op("add", x, row)), PASS)
    assert refusals(graph, "ElementwiseToSteps") == ["%row: f32[N,4,1,5] is broadcast in a way that steps do not have"]


def test_refuses_to_join_what_others_read_or_what_is_returned() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    a, b = net.op("relu", x, name="a"), net.op("sigmoid", x, name="b")
    graph = run(net.finish(net.op("tanh", a), net.op("sin", a), net.op("tanh", b), b), PASS, TOLERANCE)
    assert set(refusals(graph, "EltwiseChain")) == {"%a has another user", "%b is a graph output"}


def test_refuses_operands_that_others_read() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    a = net.op("relu", net.op("sin", x), name="a")
    graph = run(net.finish(net.op("add", x, a), net.op("cos", a)), PASS, TOLERANCE)
    assert set(refusals(graph, "EltwiseOperand")) == {"%a has another user"}


def test_refuses_a_graph_that_cannot_reach_the_stage() -> None:
    net = Net()
    graph = run(net.finish(net.op("relu", net.op("dropout", net.input(4, 5, 5)))), PASS)
    assert graph.stage == "imported"
    assert refusals(graph, "stage") == ["dropout is not legal in stage fused"]


def test_refuses_a_chain_that_rounds_on_its_way() -> None:
    net = Net()
    x = net.op("eltwise", net.input(4, 5), epilogue=(Step("relu"),), result="bf16", name="inner")
    graph = net.finish(net.op("eltwise", x, epilogue=(Step("tanh"),), result="f32", name="outer"))
    graph.stage = "fused"
    run(graph, "fuse-elementwise")
    assert refusals(graph, "EltwiseChain") == ["%inner rounds to bf16"]


def test_a_chain_keeps_the_type_of_its_result() -> None:
    net = Net()
    x = net.op("eltwise", net.input(4, 5), epilogue=(Step("relu"),))
    graph = net.finish(net.op("cast", net.op("eltwise", x, epilogue=(Step("abs"),), result="bf16"), dtype="f32"))
    graph.stage = "fused"
    run(graph, "fuse-elementwise")
    assert ops(graph) == ["eltwise", "cast"]
    assert graph.nodes[0].type.dtype == "bf16"
