"""Concats whose parts are computed in place: no copies, one buffer, right for every batch."""

import numpy as np

from ngc.codegen.llvm.build import build_program
from ngc.codegen.llvm.slices import find_slices
from ngc.ir import Graph, GraphBuilder, Step, SymDim, Value, evaluate
from ngc.passes import PassContext
from ngc.passes.assign_layout import AssignLayout
from ngc.runtime import Executable
from ngc.target import CpuTarget, parse_target

RNG = np.random.default_rng(5)


def conv(b: GraphBuilder, x: Value, outputs: int, kernel: int, *extra: Value, **attrs: object) -> Value:
    inputs = int(x.type.shape[1])  # type: ignore[arg-type]
    weights = RNG.standard_normal((outputs, inputs, kernel, kernel)) / np.sqrt(inputs * kernel**2)
    return b.op("conv2d", x, b.const("w", weights.astype(np.float32)), *extra, pad=(kernel // 2,) * 2, **attrs)


def dense_block() -> tuple[Graph, list[Value]]:
    """Two layers of a dense block: each joins its result to all that came before."""
    b = GraphBuilder()
    x = b.input("data", (SymDim(), 32, 9, 9))
    first = conv(b, x, 32, 3, epilogue=(Step("relu"),))
    one = b.op("concat", first, conv(b, first, 16, 3), axis=1)
    scale, shift = (b.const(name, RNG.standard_normal(48).astype(np.float32)) for name in ("s", "t"))
    two = b.op("concat", one, conv(b, one, 16, 1, scale, shift, prologue=(Step("affine"), Step("relu"))), axis=1)
    return b.finish([conv(b, two, 20, 3)]), [first, one, two]


def lower(graph: Graph) -> CpuTarget:
    target = parse_target("cpu")
    AssignLayout().run(graph, PassContext(target=target))
    return target


def test_a_dense_block_is_one_buffer_without_copies() -> None:
    graph, (first, one, two) = dense_block()
    feeds = {batch: {"data": RNG.standard_normal((batch, 32, 9, 9)).astype(np.float32)} for batch in (1, 3)}
    wanted = {batch: evaluate(graph, feeds[batch])[0] for batch in feeds}
    target = lower(graph)
    found = find_slices(graph)
    assert found[first].of is found[one].of is two
    assert found[first].offset == found[one].offset == 0
    program = build_program(graph, target)
    assert not [call for call in program.calls if call.op == "concat"]
    for batch, feed in feeds.items():
        got = Executable(program, graph, threads=2).run_poisoned(feed)[0]
        # 9*64 products of unit variance: rounding errors of about 1e-6 of the result
        np.testing.assert_allclose(got, wanted[batch], atol=1e-5 * np.abs(wanted[batch]).max())


def test_a_part_that_is_joined_twice_is_copied_once() -> None:
    b = GraphBuilder()
    x = conv(b, b.input("data", (1, 16, 5, 5)), 16, 1)
    graph = b.finish([conv(b, b.op("concat", x, x, axis=1), 16, 1), conv(b, b.op("concat", x, conv(b, x, 16, 1), axis=1), 16, 1)])
    feeds = {"data": RNG.standard_normal((1, 16, 5, 5)).astype(np.float32)}
    wanted = evaluate(graph, feeds)
    target = lower(graph)
    program = build_program(graph, target)
    assert sum(call.op == "concat" for call in program.calls) == 2  # both parts of the first; the second is in place
    for got, want in zip(Executable(program, graph, threads=1).run_poisoned(feeds), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())  # at most 48 products


def compiled(graph: Graph, feeds: dict[str, np.ndarray]) -> list[str]:
    """Checks a graph of moves against the reference, to the bit, with poisoned memory; returns the operators of its calls."""
    wanted = evaluate(graph, feeds)
    target = lower(graph)
    program = build_program(graph, target)
    for threads in (1, 2):
        for found, expected in zip(Executable(program, graph, threads=threads).run_poisoned(feeds), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)
    return [call.op for call in program.calls]


def rows(b: GraphBuilder, name: str, *shape: int) -> tuple[Value, Value]:
    """Returns a transposed input, and that as one row."""
    moved = b.op("transpose", b.input(name, shape), axes=(0, 2, 1))
    return moved, b.op("reshape", moved, shape=(1, shape[1] * shape[2]))


def random_feeds(graph: Graph) -> dict[str, np.ndarray]:
    return {name: RNG.standard_normal(value.type.shape).astype(np.float32) for name, value in zip(graph.input_names, graph.inputs, strict=True)}


def test_plain_rows_are_joined_where_they_are_computed() -> None:
    b = GraphBuilder()
    (first, one), (_, two) = rows(b, "x", 1, 3, 5), rows(b, "y", 1, 7, 2)
    inner = b.op("concat", one, two, axis=1)
    _, three = rows(b, "z", 1, 2, 4)
    outer = b.op("concat", b.op("reshape", inner, shape=(1, 29)), three, axis=1)
    graph = b.finish([outer, b.op("exp", first)])  # what is joined may be read elsewhere too
    assert find_slices(graph)[first].of is outer
    assert "concat" not in compiled(graph, random_feeds(graph))


def test_parts_that_are_not_computed_or_are_returned_are_copied() -> None:
    b = GraphBuilder()
    moved, row = rows(b, "x", 1, 3, 5)
    graph = b.finish([b.op("concat", row, b.input("y", (1, 4)), b.const("c", np.ones((1, 2), np.float32)), row, axis=1), moved])
    assert not find_slices(graph)
    assert compiled(graph, random_feeds(graph)).count("concat") == 4
    b = GraphBuilder()
    moved, row = rows(b, "x", 1, 3, 5)
    graph = b.finish([b.op("concat", row, rows(b, "y", 1, 2, 2)[1], axis=1), moved])
    compiled(graph, random_feeds(graph))


def test_rows_of_a_batch_lie_apart() -> None:
    b = GraphBuilder()
    parts = [b.op("exp", b.input(name, (SymDim(), 3))) for name in "xy"]
    assert not find_slices(b.finish([b.op("concat", *parts, axis=1)]))
    b = GraphBuilder()
    parts = [b.op("exp", b.input(name, (2, 3))) for name in "xy"]
    graph = b.finish([b.op("concat", *parts, axis=1)])
    assert not find_slices(graph)
    assert compiled(graph, random_feeds(graph)).count("concat") == 2


def test_channels_go_last_from_blocks() -> None:
    for channels in (5, 16, 37):
        b = GraphBuilder()
        y = conv(b, b.input("x", (SymDim(), 8, 6, 7)), channels, 3)
        graph = b.finish([b.op("transpose", y, axes=(0, 2, 3, 1)), b.op("relu", conv(b, y, 4, 3))])
        feeds = {"x": RNG.standard_normal((2, 8, 6, 7)).astype(np.float32)}
        wanted = evaluate(graph, feeds)
        program = build_program(graph, lower(graph))
        assert "reorder" not in [call.op for call in program.calls if call.node.startswith("transpose")]
        # 72 products of unit variance
        np.testing.assert_allclose(Executable(program, graph, threads=2).run_poisoned(feeds)[0], wanted[0], atol=1e-5 * np.abs(wanted[0]).max())
