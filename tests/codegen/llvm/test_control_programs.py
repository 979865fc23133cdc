"""Loops and conditionals as code: random ones, values that change places, what lies where, threads, batches, profiles, artifacts."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import ngc
from ngc.errors import CodegenError
from ngc.ir import Graph, GraphBuilder, SymDim, evaluate, parse
from ngc.ir.random_data import fill_missing_weights, random_feeds
from tests.control_graphs import control_graphs, whole_feeds

N = SymDim()

ONLY_LAYOUT = "assign-layout"
"""Without optimization: constants stay captured, and every value has its own node."""


def check(graph: Graph, feeds: dict[str, np.ndarray], pipeline: str | None = None, tolerance: float = 0.0, threads: tuple[int, ...] = (1, 2)) -> None:
    wanted = evaluate(graph, feeds)
    for number in threads:
        executable = ngc.compile(graph, threads=number, pipeline=pipeline)
        for _ in range(2):
            for got, want in zip(executable.run_poisoned(feeds), wanted, strict=True):
                np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * np.abs(want).max(initial=0))


def check_random(graph: Graph, pipeline: str | None, threads: int) -> None:
    note(str(graph))
    for part in graph.with_regions():
        part.stage = "imported" if pipeline is None else "fused"
    check(graph, whole_feeds(graph), pipeline, threads=(threads,))


THREADS = st.sampled_from([1, 2])
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(deadline=None, max_examples=6, suppress_health_check=SLOW)
@given(control_graphs(), THREADS)
def test_random_loops_and_conditionals(graph: Graph, threads: int) -> None:
    check_random(graph, ONLY_LAYOUT, threads)  # which knows few kernels, so that little is compiled


@pytest.mark.full
@settings(deadline=None, max_examples=300, suppress_health_check=SLOW)
@given(control_graphs(), st.sampled_from([None, ONLY_LAYOUT]), THREADS)
def test_many_random_loops_and_conditionals(graph: Graph, pipeline: str | None, threads: int) -> None:
    check_random(graph, pipeline, threads)


def body_of(inputs: int, returned: str, lines: str = "") -> str:
    given = ", ".join(f"%i{number}: f32[3]" for number in range(inputs))
    return f"graph @body({given}) {{\n{lines}\nreturn {returned}\n}}\n"


SWAPS = {
    "two change places": body_of(2, "%i1 as \"a\", %i0 as \"b\""),
    "three go round": body_of(3, "%i1 as \"a\", %i2 as \"b\", %i0 as \"c\""),
    "one is computed of what another replaces": body_of(2, "%i1 as \"a\", %s as \"b\"", "%s = add(%i0, %i1) : f32[3]"),
    "each is computed of both": body_of(2, "%s as \"a\", %d as \"b\"", "%s = add(%i0, %i1) : f32[3]\n%d = sub(%i0, %i1) : f32[3]"),
    "both get the same": body_of(2, "%s as \"a\", %s as \"b\"", "%s = add(%i0, %i1) : f32[3]"),
    "the old one is read later": body_of(2, "%s as \"a\", %d as \"b\"", "%s = add(%i1) {scalar=1.0} : f32[3]\n%d = sub(%i0, %s) : f32[3]"),
}


@pytest.mark.parametrize("case", SWAPS)
@pytest.mark.parametrize("pipeline", [None, ONLY_LAYOUT])
def test_values_that_are_carried_into_one_another(case: str, pipeline: str | None) -> None:
    body = SWAPS[case]
    count = body.count(": f32[3]", 0, body.index(")"))
    names = [f"%s{number}" for number in range(count)]
    stage = ' stage("fused")' if pipeline else ""
    body = body.replace(") {\n", f"){stage} {{\n", 1)
    types = ", ".join(["f32[3]"] * count)
    graph = parse(f"graph @net({', '.join(f'%x{number}: f32[3]' for number in range(count))}){stage} {{\n"
                  f"{', '.join(names)} = loop({', '.join(f'%x{number}' for number in range(count))}) {{carried={count}, steps=5}} : {types} {{\n{body}}}\n"
                  f"return {', '.join(names)}\n}}")
    check(graph, {f"x{number}": np.arange(3, dtype=np.float32) + 10 * number for number in range(count)}, pipeline)


def recurrent(shape_x: tuple[int, ...], units: int, batch: object = 2) -> Graph:
    """Returns a loop of dense layers over the first dimension, whose states are returned step by step and at the end."""
    rng = np.random.default_rng(5)
    steps, inputs = shape_x
    b = GraphBuilder("net")
    x, state = b.input("x", (batch, steps, inputs)), b.input("state", (batch, units))  # type: ignore[arg-type]
    moved = b.op("transpose", x, axes=(1, 0, 2), name="moved")
    body = GraphBuilder("body")
    h, row = body.input("h", state.type.shape), body.input("row", moved.type.shape[1:])
    weights = [body.const(name, (rng.standard_normal((units, size)) * size**-0.5).astype(np.float32)) for name, size in (("wx", inputs), ("wh", units))]
    total = body.op("add", body.op("dense", row, weights[0], name="i2h"), body.op("dense", h, weights[1], name="h2h"), name="sum")
    following = body.op("tanh", total, name="following")
    region = body.finish([following, following], ["next", "row"])
    last, rows = b.region_op("loop", [state, moved], [region], "loop", carried=1, scanned=1, steps=steps)
    return b.finish([rows, last])


@pytest.mark.parametrize("units", [16, 7])
def test_dense_layers_in_a_loop_of_any_batch(units: int) -> None:
    graph = recurrent((6, 5), units, N)
    for batch in (1, 3):
        check(graph, random_feeds(graph, 1, batch), tolerance=1e-5)  # sums of some ten products, six steps of them


def test_a_convolution_in_a_loop_reads_rows_of_any_alignment() -> None:
    rng = np.random.default_rng(2)
    b = GraphBuilder("net")
    x, start = b.input("x", (3, N, 5, 7, 7)), b.input("start", (N, 6, 7, 7))
    body = GraphBuilder("body")
    state, row = body.input("state", (N, 6, 7, 7)), body.input("row", (N, 5, 7, 7))
    weight = body.const("w", (rng.standard_normal((6, 5, 3, 3)) * 0.15).astype(np.float32))
    following = body.op("relu", body.op("add", body.op("conv2d", row, weight, pad=(1, 1), name="conv"), state, name="sum"), name="following")
    last, rows = b.region_op("loop", [start, x], [body.finish([following, row], ["next", "row"])], "loop", carried=1, scanned=1, steps=3)
    graph = b.finish([last, rows])
    for batch in (1, 2):
        check(graph, random_feeds(graph, 4, batch), tolerance=1e-5)  # sums of 45 products


WHILE = """
graph @net(%i: DTYPE[1], %x: f32[2], %most: DTYPE[1]) {
  %last, %y, %rows = loop(%i, %x, %most) {carried=2, steps=4} : DTYPE[1], f32[2], f32[4,2] {
    graph @body(%i: DTYPE[1], %x: f32[2], %most: DTYPE[1]) {
      %next = add(%i) {scalar=1.0} : DTYPE[1]
      %twice = add(%x, %x) : f32[2]
      return %next, %twice, %x as "row"
    }
    graph @condition(%i: DTYPE[1], %x: f32[2], %most: DTYPE[1]) {
      %left = sub(%most, %i) : DTYPE[1]
      return %left
    }
  }
  return %last, %y, %rows
}"""


@pytest.mark.parametrize("dtype", ["f32", "f64", "i32", "i64", "u8"])
@pytest.mark.parametrize("most", [0, 1, 3, 4])
def test_a_loop_ends_with_its_condition_and_leaves_zeros(dtype: str, most: int) -> None:
    graph = parse(WHILE.replace("DTYPE", dtype))
    kind = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "u8": np.uint8}[dtype]
    feeds = {"i": np.zeros(1, kind), "x": np.ones(2, np.float32), "most": np.array([most], kind)}
    _, y, rows = evaluate(graph, feeds)
    np.testing.assert_array_equal(y, np.float32(2**most))
    np.testing.assert_array_equal(rows[:, 0], [2**step if step < most else 0 for step in range(4)])
    check(graph, feeds)


@pytest.mark.parametrize(("predicate", "holds"), [(0.0, False), (-0.0, False), (np.nan, True), (1e-45, True), (-3.0, True), (np.inf, True)])
@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_what_holds(predicate: float, holds: bool, dtype: str) -> None:
    graph = parse(f"""
graph @net(%p: {dtype}[1], %x: f32[2]) {{
  %y = cond(%p, %x) : f32[2] {{
    graph @then(%x: f32[2]) {{
      return %x
    }}
    graph @else(%x: f32[2]) {{
      %z = negative(%x) : f32[2]
      return %z
    }}
  }}
  return %y
}}""")
    if dtype == "f16" and predicate == 1e-45:
        predicate = 6e-8  # the smallest number above zero
    feeds = {"p": np.array([predicate], np.float16 if dtype == "f16" else np.float32), "x": np.ones(2, np.float32)}
    assert (evaluate(graph, feeds)[0][0] > 0) == holds
    check(graph, feeds)


def scanned_constant() -> Graph:
    b = GraphBuilder("net")
    x = b.input("x", (3,))
    rows = b.const("rows", np.arange(12, dtype=np.float32).reshape(4, 3))
    zero, factor = b.const("zero", np.zeros(3, np.float32)), b.const("factor", np.full(3, 2, np.float32))
    body = GraphBuilder("body")
    state, row, outer, times = (body.input(name, (3,)) for name in ("state", "row", "outer", "times"))
    total = body.op("add", body.op("mul", row, times, name="scaled"), body.op("add", state, outer, name="moved"), name="total")
    results = b.region_op("loop", [zero, rows, x, factor], [body.finish([total, row], ["next", "row"])], "loop", carried=1, scanned=1, steps=4)
    return b.finish(results)


@pytest.mark.parametrize("pipeline", [None, ONLY_LAYOUT])
def test_constants_are_carried_scanned_and_captured(pipeline: str | None) -> None:
    graph = scanned_constant()
    for part in graph.with_regions():
        part.stage = "fused" if pipeline else "imported"
    check(graph, {"x": np.ones(3, np.float32)}, pipeline)


def test_rows_are_written_in_place_and_states_are_not_copied() -> None:
    b = GraphBuilder("net")
    x, start = b.input("x", (4, 3)), b.input("start", (3,))
    body = GraphBuilder("body")
    state, row = body.input("state", (3,)), body.input("row", (3,))
    region = body.finish([body.op("add", state, row, name="next"), body.op("exp", row, name="out")], ["next", "out"])
    executable = ngc.compile(b.finish(b.region_op("loop", [start, x], [region], "loop", carried=1, scanned=1, steps=4)), threads=1)
    assert [(call.op, call.node) for call in executable.program.calls] == [("copy", "loop"), ("eltwise", "loop/body/next"), ("eltwise", "loop/body/out")]
    assert executable.program.arena_fixed == 0


def test_sizes_are_those_of_all_steps_where_they_are_known() -> None:
    graph = recurrent((6, 5), 16)
    flops = {call.node: call.flops for call in ngc.compile(graph, threads=1).program.calls}
    assert flops["loop/body/h2h"] == 6 * 2 * 2 * 16 * 16
    graph = parse(WHILE.replace("DTYPE", "f32"))
    sizes = {call.node: call.bytes for call in ngc.compile(graph, threads=1).program.calls}
    assert sizes["loop/body/next" if "loop/body/next" in sizes else "last/body/next"] == 8


def test_profiles_add_up_the_steps_and_leave_out_what_was_not_run() -> None:
    graph = parse(WHILE.replace("DTYPE", "f32"))
    executable = ngc.compile(graph, threads=2)
    for most, traced in ((3, True), (0, False)):
        profile = executable.profile({"i": np.zeros(1, np.float32), "x": np.ones(2, np.float32), "most": np.full(1, most, np.float32)}, runs=3)
        body = {kernel.index for kernel in profile.kernels if kernel.node == "last/body/next"}
        assert all((kernel.ms > 0) == traced for kernel in profile.kernels if kernel.index in body)
        assert any(span[1] in body for span in profile.spans) == traced
        assert all(start >= 0 and duration >= 0 for _, _, start, duration in profile.spans)
        assert "last/body/next" in profile.table()


def test_an_artifact_runs_its_loops(tmp_path: Path) -> None:
    graph = recurrent((6, 5), 16, N)
    executable = ngc.compile(graph, threads=2)
    executable.save(tmp_path / "net.ngc")
    loaded = ngc.load(tmp_path / "net.ngc")
    feeds = random_feeds(graph, 2, 3)
    for got, want in zip(loaded.run(feeds), executable.run(feeds), strict=True):
        np.testing.assert_array_equal(got, want)
    assert str(loaded.graph) == str(executable.graph)


def test_explain_finds_kernels_in_regions() -> None:
    executable = ngc.compile(recurrent((6, 5), 16), threads=1)
    (holder,) = executable.explain("h2h").holders
    assert [kernel.op for kernel in holder.kernels] == ["dense"]


NO_KERNEL = """
graph @net(%x: f32[4,3], %w: f32[2,3]) {
  %y = loop(%x, %w) {scanned=1, steps=4} : f32[4,1,2] {
    graph @body(%row: f32[3], %w: f32[2,3]) {
      %one = reshape(%row) {shape=[1,3]} : f32[1,3]
      %fc = dense(%one, %w) : f32[1,2]
      return %fc
    }
  }
  return %y
}"""


def test_what_has_no_kernel_in_a_region_is_named_and_falls_back(tmp_path: Path) -> None:
    graph = parse(NO_KERNEL)
    with pytest.raises(CodegenError, match=r"no kernels for some operators(.|\n)*fc"):
        ngc.compile(graph, threads=1)
    executable = ngc.compile(graph, threads=2, fallback="reference")
    executable.save(tmp_path / "net.ngc")
    feeds = random_feeds(graph, 3)
    for ready in (executable, ngc.load(tmp_path / "net.ngc")):
        for got, want in zip(ready.run(feeds), evaluate(graph, feeds), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6)
    assert executable.program.callbacks.popitem()[1] == "y/body/fc"


def test_precisions_leave_the_borders_of_regions_alone() -> None:
    graph = recurrent((6, 6), 16)
    fill_missing_weights(graph)
    rng = np.random.default_rng(1)
    batches = [{"x": rng.standard_normal((2, 6, 6)).astype(np.float32), "state": rng.standard_normal((2, 16)).astype(np.float32)} for _ in range(2)]
    executable = ngc.compile(graph, threads=1, precision="int8", calibration=batches)
    for got, want in zip(executable.run(batches[0]), evaluate(graph, batches[0]), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)  # what is in regions stays in f32


