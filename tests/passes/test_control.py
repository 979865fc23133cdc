"""Loops and conditionals in passes: rules about them, each with what it refuses, and rules that work inside."""

import numpy as np

from ngc.ir import Graph, GraphBuilder, Value, evaluate, parse
from ngc.ir.random_data import random_feeds
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.target import host_target
from tests.ir.test_control import COND, LOOP, WHILE
from tests.passes.nets import ops, refusals, run

CANONICAL = "canonicalize,fold-constants,eliminate-dead-code"


def region(graph: Graph, number: int = 0) -> Graph:
    """Returns a region of the only node that has any."""
    (node,) = (node for node in graph.nodes if node.regions)
    return node.regions[number]


def net(*, steps: int = 4, captured: bool = False, predicate: float | None = None) -> Graph:
    """Returns a loop that captures a constant, a value that it reads and one that it does not; or a conditional on a constant."""
    b = GraphBuilder("net")
    x, y = b.input("x", (2,)), b.input("y", (2,))
    constant = b.const("c", np.array([2, 3], np.float32))
    if predicate is not None:
        p = b.const("p", np.array([predicate], np.float32))
        return b.finish(b.region_op("cond", [p, x], [simple("then", "relu"), simple("else", "negative")], "choice"))
    body = GraphBuilder("body")
    state, c, read, _ = (body.input(name, (2,)) for name in ("state", "c", "read", "unread"))
    total = body.op("add", body.op("mul", state, c, name="scaled"), read, name="total")
    results = b.region_op("loop", [x, constant, y, x], [body.finish([total, total, state], ["next", "out", "old"])], "loop", carried=1, steps=steps)
    return b.finish(results if captured else [results[0], results[2]])


def simple(name: str, op: str) -> Graph:
    b = GraphBuilder(name)
    return b.finish([b.op(op, b.input("v", (2,)))])


def test_operands_that_no_region_reads_are_dropped() -> None:
    graph = run(net(captured=True), "canonicalize")
    assert [value.name for value in graph.nodes[-1].inputs] == ["x", "c", "y"]
    assert region(graph).input_names == ("state", "c", "read")


def test_a_scanned_operand_that_nothing_reads_is_dropped() -> None:
    graph = run(parse(LOOP.replace("add(%s, %row)", "add(%s, %s)")), "canonicalize")
    assert graph.nodes[0].attrs["scanned"] == 0
    assert [value.name for value in graph.nodes[0].inputs] == ["s", "c"]


def test_what_only_the_condition_reads_stays() -> None:
    graph = run(parse(WHILE), "canonicalize")
    assert [value.name for value in graph.nodes[0].inputs] == ["s", "c"]


def test_rows_that_nothing_reads_are_not_stacked() -> None:
    graph = run(net(), "canonicalize")
    assert region(graph).output_names == ("next", "old")
    assert graph.outputs[1].name == "loop_3"


def test_a_loop_whose_results_nothing_reads_is_dead() -> None:
    graph = parse(LOOP.replace("return %last, %rows", "return %s"))
    PassManager("canonicalize,eliminate-dead-code").run(graph)
    assert ops(graph) == []


def test_captured_constants_become_constants_of_the_regions() -> None:
    graph = run(net(captured=True), CANONICAL)
    assert [value.name for value in graph.nodes[-1].inputs] == ["x", "y"]
    assert [node.attrs["name"] for node in region(graph) if node.op == "const"] == ["c"]
    assert not any(node.op == "const" for node in graph)


def test_a_constant_predicate_decides() -> None:
    for predicate, op in ((0.0, "negative"), (-0.0, "negative"), (np.nan, "relu"), (0.5, "relu")):
        assert ops(run(net(predicate=predicate), CANONICAL)) == [op]


def test_a_predicate_that_is_not_at_hand_does_not() -> None:
    graph = parse(str(net(predicate=1.0)))
    PassManager("fold-constants").run(graph)
    assert refusals(graph, "ConstantPredicate") == ["the data of %p is not at hand"]
    assert ops(graph) == ["cond"]


def test_a_loop_of_one_step_is_its_body() -> None:
    graph = run(parse(LOOP.replace("[4,2]", "[1,2]").replace("steps=4", "steps=1")), "canonicalize")
    assert ops(graph) == ["reshape", "add", "mul", "reshape"]
    assert [value.name for value in graph.outputs] == ["last", "rows"]


def test_a_loop_of_one_step_that_it_may_not_take_stays() -> None:
    graph = run(parse(WHILE.replace("f32[5,1]", "f32[1,1]").replace("steps=5", "steps=1")), "canonicalize")
    assert refusals(graph, "SingleStep") == ["its condition says whether it takes its only step"]
    assert ops(graph) == ["loop"]


def counting(steps: int) -> Graph:
    """Returns a loop of constants that counts to three."""
    b = GraphBuilder("net")
    start = b.const("start", np.zeros(1, np.float32))
    body, condition = GraphBuilder("body"), GraphBuilder("condition")
    following = body.op("add", body.input("s", (1,)), scalar=1.0)
    goes_on = condition.op("lesser", condition.input("s", (1,)), scalar=3.0)
    (last,) = b.region_op("loop", [start], [body.finish([following]), condition.finish([goes_on])], "loop", carried=1, steps=steps)
    return b.finish([b.op("add", b.input("x", (1,)), last)])


def test_a_loop_of_constants_folds() -> None:
    assert ops(run(counting(9), CANONICAL)) == ["add"]


def test_a_loop_of_constants_that_takes_many_steps_does_not() -> None:
    graph = run(counting(10**6), CANONICAL)
    assert ops(graph) == ["loop", "add"]
    assert refusals(graph, "OfConstants") == ["a loop of 1000000 steps is left to the run"]


def deep(b: GraphBuilder, x: Value, depth: int) -> Value:
    """Returns x + 0 on the innermost of nested conditionals; the outer branches do nothing."""
    if not depth:
        return b.op("add", b.op("identity", x, name="same"), scalar=0.0, name="sum")
    then, other = GraphBuilder(f"then{depth}"), GraphBuilder(f"else{depth}")
    inner = deep(then, then.input("x", (1,)), depth - 1)
    regions = [then.finish([inner]), other.finish([other.input("x", (1,))])]
    return b.region_op("cond", [x, x], regions, "choice")[0]


def test_passes_work_in_regions_within_regions() -> None:
    b = GraphBuilder("net")
    graph = run(b.finish([deep(b, b.input("x", (1,)), 3)]), "canonicalize")
    assert [node.op for _, node in graph.scoped_nodes()] == ["cond", "cond", "cond", "add"]
    fired = {(event.rule, event.node) for event in graph.events if event.status == "applied"}
    assert any(node == "same" for _, node in fired)


def test_the_whole_pipeline_lowers_regions_with_their_graph() -> None:
    for text in (LOOP, WHILE, COND):
        graph = parse(text)
        feeds = random_feeds(graph, 5)
        before = evaluate(graph, feeds)
        PassManager(PIPELINES["cpu-fp32"]).run(graph, PassContext(target=host_target()))
        assert {part.stage for part in graph.with_regions()} == {"lowered"}
        for now, was in zip(evaluate(graph, feeds), before, strict=True):
            np.testing.assert_array_equal(now, was)


def test_engines_leave_loops_and_conditionals_to_the_cpu() -> None:
    for text, op in ((LOOP, "loop"), (COND, "cond")):
        graph = parse(text)
        for engine in ("tensorrt", "neuron"):
            PassManager(f"partition{{engine={engine} min-subgraph-size=1}}").run(graph)
            assert op in ops(graph)
            assert "engine.call" not in ops(graph)


def test_a_vector_of_numbers_is_no_channel() -> None:
    b = GraphBuilder("net")
    product = b.op("mul", b.input("x", (3,)), b.const("c", np.array([1, 2, 3], np.float32)))
    graph = run(b.finish([b.op("relu", product)]), "fuse-elementwise")
    assert ops(graph) == ["eltwise"]
    assert [step.kind for step in graph.nodes[-1].attrs["epilogue"]] == ["multiply", "relu"]


def hoistable(*, conditional: bool = False) -> Graph:
    """Returns a loop with a dense layer of its rows and with what it computes of captured values alone."""
    rng = np.random.default_rng(4)
    b = GraphBuilder("net")
    s, x, c = b.input("s", (2, 4)), b.input("x", (3, 2, 5)), b.input("c", (2, 4))
    body, condition = GraphBuilder("body"), GraphBuilder("condition")
    state = body.input("state", (2, 4))
    row = body.const("r", rng.standard_normal((2, 5)).astype(np.float32)) if conditional else body.input("row", (2, 5))
    outer = body.input("outer", (2, 4))
    weight = body.const("w", rng.standard_normal((4, 5)).astype(np.float32))
    squared = body.op("square", body.op("add", outer, scalar=1.0, name="shifted"), name="squared")
    layer = body.op("dense", row, weight, name="fc")
    total = body.op("add", body.op("mul", squared, layer, name="scaled"), state, name="total")
    regions = [body.finish([total, total], ["next", "row"])]
    if conditional:
        seen = condition.input("state", (2, 4))
        condition.input("outer", (2, 4))
        top = condition.op("reduce_max", seen, axes=(0, 1), keepdims=False)
        regions.append(condition.finish([condition.op("lesser", top, scalar=9.0)]))
    operands = [s, c] if conditional else [s, x, c]
    return b.finish(b.region_op("loop", operands, regions, "loop", carried=1, scanned=0 if conditional else 1, steps=3))


def test_what_no_step_changes_is_computed_before_the_loop() -> None:
    graph = run(hoistable(), "canonicalize", tolerance=1e-6)
    assert ops(graph) == ["add", "square", "dense", "loop"]
    assert region(graph).count() == {"mul": 1, "add": 1}
    assert graph.nodes[-1].attrs["scanned"] == 1
    assert [value.name for value in graph.nodes[-1].inputs] == ["s", "fc", "squared"]


def test_all_of_a_body_moves_at_once() -> None:
    rng = np.random.default_rng(5)
    b, body = GraphBuilder("net"), GraphBuilder("body")
    state, row, outer = body.input("state", (2, 4)), body.input("row", (2, 4)), body.input("outer", (2, 4))
    total, value = state, outer
    for number in range(20):
        value = body.op("sin", value, name=f"s{number}")
        if number % 5 == 4:  # both the body and what moves with it read this one
            total = body.op("add", total, value, name=f"t{number}")
    for number in range(2):
        row = body.op("dense", row, body.const(f"w{number}", rng.standard_normal((4, 4)).astype(np.float32)), name=f"fc{number}")
        total = body.op("add", total, row, name=f"u{number}")
    region_of = body.finish([total, value, row], ["next", "value", "row"])
    operands = [b.input("s", (2, 4)), b.input("x", (3, 2, 4)), b.input("c", (2, 4))]
    graph = run(b.finish(b.region_op("loop", operands, [region_of], "loop", carried=1, scanned=1, steps=3)), "canonicalize", tolerance=1e-6)
    assert graph.count() == {"sin": 20, "dense": 2, "loop": 1}
    assert [value.name for value in graph.nodes[-1].inputs] == ["s", "fc0", "fc1", "s4", "s9", "s14", "s19"]
    assert [event.rule for event in graph.events if event.rule.startswith("Hoist")] == ["HoistInvariant", "HoistRows"]


def test_what_a_conditional_loop_may_not_need_is_not() -> None:
    graph = run(hoistable(conditional=True), "canonicalize")
    assert ops(graph) == ["loop"]
    assert refusals(graph, "HoistInvariant") == ["its condition may end it before a step that needs %shifted"]


def test_a_dense_layer_of_rows_of_a_conditional_loop_stays() -> None:
    text = LOOP.replace("%moved = add(%s, %row)", "%w = const @w : f32[2,2]\n      %fc = dense(%row, %w) : f32[2]\n      %moved = add(%s, %fc)")
    text = text.replace("    }\n  }", "    }\n    graph @condition(%s: f32[2], %c: f32[2]) {\n      %p = const @p : f32[1]\n      return %p\n    }\n  }")
    graph = parse(text)
    PassManager("canonicalize").run(graph)
    assert refusals(graph, "HoistRows") == ["its condition may end it before a step that needs %fc"]
    assert ops(graph) == ["loop"]
