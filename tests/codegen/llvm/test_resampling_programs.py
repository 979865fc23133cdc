"""Kernels that sample maps at other places, in whole programs: plain and blocked tensors, odd sizes, every instruction set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.codegen.llvm.build import build_program
from ngc.ir import GraphBuilder, SymDim, Value
from ngc.passes import PassContext, PassManager
from ngc.target import parse_target
from tests.codegen.llvm.test_programs import EXAMPLES, TARGETS, check
from tests.passes.nets import Net

SIZE = st.tuples(st.integers(1, 9), st.integers(1, 21))


def resampled(op: str, b: GraphBuilder, x: Value, size: tuple[int, int], coordinates: str) -> Value:
    """Appends one of the operators that give an image another size."""
    attrs = {"coordinates": coordinates} if op == "resize" else {}
    return b.op(op, x, size=size, **attrs)


@EXAMPLES
@given(st.sampled_from(TARGETS), st.sampled_from(("resize", "adaptive_avg_pool")), st.integers(1, 20), SIZE, SIZE,
       st.sampled_from(("align_corners", "half_pixel")), st.sampled_from(("f32", "f64")))
def test_plain_images(target: str, op: str, channels: int, size: tuple[int, int], out: tuple[int, int], coordinates: str, dtype: str) -> None:
    b = GraphBuilder()
    x = b.op("cast", b.input("x", (SymDim(), channels, *size)), dtype=dtype)
    check(b.finish([b.op("cast", resampled(op, b, x, out, coordinates), dtype="f32")]), target, "@cpu-fp32")


@EXAMPLES
@given(st.sampled_from(TARGETS), st.sampled_from(("resize", "adaptive_avg_pool")), st.integers(1, 20), SIZE, SIZE,
       st.sampled_from(("align_corners", "half_pixel")))
def test_images_between_convolutions(target: str, op: str, channels: int, size: tuple[int, int], out: tuple[int, int], coordinates: str) -> None:
    net = Net()
    x = net.conv(net.b.input("x", (SymDim(), 5, *size)), channels)
    y = net.conv(resampled(op, net.b, x, out, coordinates), 3, kernel=3, pad=1)
    check(net.b.finish([y]), target, "@cpu-fp32", threads=2)


@pytest.mark.parametrize("op", ["resize", "adaptive_avg_pool", "upsample"])
def test_blocks_stay_blocks(op: str) -> None:
    net = Net()
    x = net.conv(net.b.input("x", (1, 20, 6, 6)), 20)
    y = net.b.op(op, x, scale=(2, 2)) if op == "upsample" else resampled(op, net.b, x, (5, 7), "half_pixel")
    graph = net.b.finish([net.conv(y, 20)])
    PassManager("@cpu-fp32").run(graph, PassContext(target=parse_target("cpu:x86-64-v3")))
    assert [node.op for node in graph.nodes if node.op not in ("const", "conv2d")] == ["reorder", op, "reorder"]
    build_program(graph, parse_target("cpu:x86-64-v3"))
