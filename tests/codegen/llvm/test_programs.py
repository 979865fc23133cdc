"""Whole programs: random graphs compiled for each instruction set give what the reference evaluator gives."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, currently_in_test_context, given, note, settings

from ngc.codegen.llvm.build import build_program
from ngc.codegen.program import Program
from ngc.errors import CodegenError
from ngc.ir import Graph, GraphBuilder, SymDim, Value, clone, evaluate
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import parse_target
from tests.codegen.llvm.kernels.bfloat import needs_bf16
from tests.passes.nets import Net
from tests.strategies import block_graphs, feeds_for, graphs

TARGETS = ("cpu", "cpu:x86-64-v3", "cpu:x86-64")
EXAMPLES = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def check_with(run: Callable[[Program, Graph, dict[str, np.ndarray]], Sequence[np.ndarray]], graph: Graph, target: str, pipeline: str) -> None:
    """Compares what `run` gives for a graph's program with the reference evaluator, N bound to 1 and 3 where the graph has it."""
    described = parse_target(target)
    if currently_in_test_context():
        note(str(graph))
    batches = (1, 3) if any(isinstance(dim, SymDim) for value in graph.inputs for dim in value.type.shape) else (1,)
    feeds = {batch: feeds_for(graph, batch=batch) for batch in batches}
    wanted = {batch: evaluate(graph, feeds[batch]) for batch in batches}
    PassManager(pipeline).run(graph, PassContext(target=described))
    program = build_program(graph, described)
    for batch in batches:
        for got, want in zip(run(program, graph, feeds[batch]), wanted[batch], strict=True):
            # Few terms are summed, but functions amplify: 2e-5 of the largest value is some hundred roundings of f32.
            scale = max(1.0, float(np.abs(want[np.isfinite(want)]).max(initial=0.0)))
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5 * scale)


def check(graph: Graph, target: str, pipeline: str, threads: int = 1) -> None:
    check_with(lambda program, lowered, feeds: Executable(program, lowered, threads).run_poisoned(feeds), graph, target, pipeline)


EMPTY: dict[str, Callable[[GraphBuilder], Value]] = {
    "exp": lambda b: b.op("exp", b.input("x", (1, 3, 0, 8))),
    "scalar": lambda b: b.op("add", b.input("x", (0,)), scalar=1.0),
    "constant": lambda b: b.op("add", b.input("x", (2, 0)), b.const("c", np.zeros((2, 0), np.float32))),
    "transpose": lambda b: b.op("transpose", b.input("x", (0, 3, 4)), axes=(1, 0, 2)),
    "sum of rows": lambda b: b.op("reduce_sum", b.input("x", (2, 3, 0)), axes=(2,)),
    "sum of columns": lambda b: b.op("reduce_sum", b.input("x", (2, 0, 30)), axes=(1,)),
    "concat": lambda b: b.op("concat", b.input("x", (2, 0, 3)), b.input("y", (2, 4, 3)), axis=1),
    "broadcast": lambda b: b.op("broadcast_to", b.input("x", (1,)), shape=(0,)),
    "cast": lambda b: b.op("cast", b.input("x", (0, 3)), dtype="i32"),
    "batch": lambda b: b.op("exp", b.input("x", (SymDim(), 0))),
}


@pytest.mark.parametrize("name", EMPTY)
def test_tensors_without_elements(name: str) -> None:
    b = GraphBuilder()
    check(b.finish([EMPTY[name](b)]), "cpu", "canonicalize,fuse-elementwise,assign-layout")


@pytest.mark.parametrize("target", TARGETS)
@EXAMPLES
@given(graph=graphs())
def test_random_graphs_without_optimization(target: str, graph: Graph) -> None:
    check(graph, target, "canonicalize,fuse-elementwise,assign-layout")


@pytest.mark.parametrize("target", TARGETS)
@EXAMPLES
@given(graph=graphs())
def test_random_graphs_through_the_default_pipeline(target: str, graph: Graph) -> None:
    check(graph, target, "@cpu-fp32", threads=2)


@needs_bf16
@EXAMPLES
@given(graph=graphs(with_steps=True))
def test_random_graphs_in_bf16_are_as_near_as_the_reference(graph: Graph) -> None:
    target, feeds = parse_target("cpu:znver4"), feeds_for(graph, batch=3)
    note(str(graph))
    exact = evaluate(graph, feeds)
    PassManager("fuse-elementwise,convert-precision,fold-constants,assign-layout").run(graph, PassContext(target=target))
    rounded = evaluate(graph, feeds)
    executable = Executable(build_program(graph, target), graph, 2)
    got = executable.run_poisoned(feeds)
    for now, again in zip(got, executable.run_poisoned(feeds), strict=True):
        np.testing.assert_array_equal(now, again)
    for now, reference, wide in zip(got, rounded, exact, strict=True):
        # Sums in another order may fall on the other side of a rounding, which then is as wrong as any: the errors have the same size, not the same values.
        scale = max(1.0, float(np.abs(wide[np.isfinite(wide)]).max(initial=0.0)))
        allowed = 2e-5 * scale + 4 * np.abs(reference - wide)[np.isfinite(wide)].max(initial=0.0) + 2.0**-8 * scale
        np.testing.assert_allclose(now, wide, rtol=0, atol=allowed)


@EXAMPLES
@given(graph=graphs(with_steps=True))
def test_random_graphs_with_prologues_and_epilogues(graph: Graph) -> None:
    check(graph, "cpu", "assign-layout")


@pytest.mark.parametrize("target", ["cpu", "cpu:x86-64-v3"])
@EXAMPLES
@given(graph=block_graphs())
def test_random_graphs_that_share_buffers(target: str, graph: Graph) -> None:
    check(graph, target, "@cpu-fp32", threads=2)


@pytest.mark.parametrize("target", TARGETS)
def test_separable_convolutions_give_the_bits_of_their_parts_on_any_number_of_threads(target: str) -> None:
    rng, b = np.random.default_rng(3), GraphBuilder("net")
    x = value = b.op("sin", b.input("data", (SymDim(), 20, 9, 13), "f32"))
    for index in range(2):
        taps = b.const(f"taps{index}", rng.uniform(-0.3, 0.3, (20, 1, 3, 3)).astype(np.float32))
        mix = b.const(f"mix{index}", rng.uniform(-0.2, 0.2, (20, 20, 1, 1)).astype(np.float32))
        active = b.op("relu", b.op("conv2d", value, taps, pad=(1, 1), groups=20))
        value = b.op("add", b.op("conv2d", active, mix), x)
    apart, fused = b.finish([value]), clone(b.graph)
    feeds = feeds_for(apart, batch=3)
    described = parse_target(target)
    PassManager("@cpu-fp32", disable=("fuse-separable",)).run(apart, PassContext(target=described))
    PassManager(PIPELINES["cpu-fp32"].replace("fuse-separable", "fuse-separable{least-bytes=0}")).run(fused, PassContext(target=described))
    assert sum(node.op == "separable_conv2d" for node in fused) == 2
    [wanted] = Executable(build_program(apart, described), apart, 1).run_poisoned(feeds)
    program = build_program(fused, described)
    for threads in (1, 2, 3):
        [got] = Executable(program, fused, threads).run_poisoned(feeds)
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["i32", "u8", "bool", "f64", "f16", "bf16"])
def test_a_cast_of_a_blocked_tensor_keeps_its_blocks(target: str, dtype: str) -> None:
    net = Net()
    x = net.conv(net.input(3, 5, 7), 21, 3, name="conv", pad=1, bias=True)
    out = net.op("cast", net.op("cast", net.op("abs", x), dtype=dtype), dtype="f32")
    check(net.finish(out), target, "@cpu-fp32", threads=2)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("returned", [False, True])
def test_a_cast_writes_planes_with_their_border(target: str, returned: bool) -> None:
    net = Net()
    x = net.op("cast", net.b.input("data", (SymDim(), 3, 5, 7), "u8"), dtype="f32")
    y = net.conv(x, 8, 3, name="conv", pad=1)
    check(net.finish(y, *[x] * returned), target, "@cpu-fp32", threads=2)


def test_the_reference_has_no_bf16() -> None:
    net = Net()
    graph = net.finish(net.op("cast", net.op("lrn", net.op("cast", net.input(4, 3, 3), dtype="bf16"), size=3), dtype="f32"))
    PassManager("@cpu-fp32").run(graph)
    with pytest.raises(CodegenError, match=r'fallback="reference" has no numpy array for bf16\[N,4,3,3\]; precision="fp32" has'):
        build_program(graph, parse_target("cpu:x86-64-v3"), fallback=True)


@pytest.mark.parametrize("op", ["add", "mul", "div", "maximum", "lesser", "mod"])
def test_scalars_are_held_as_the_data_is(op: str) -> None:
    """In u8, -2.5 is 254."""
    builder = GraphBuilder("net")
    x = builder.input("data", (5,), "u8")
    graph = builder.finish([builder.op(op, x, scalar=-2.5), builder.op(op, x, scalar=-2.5, reverse=True)], ["there", "back"])
    feeds = {"data": np.array([1, 3, 127, 254, 255], np.uint8)}
    expected = evaluate(graph, feeds)
    PassManager(PIPELINES["cpu-fp32"]).run(graph, PassContext(target=parse_target("cpu")))
    program = build_program(graph, parse_target("cpu"))
    for actual, wanted in zip(Executable(program, graph, 1).run_poisoned(feeds), expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)
