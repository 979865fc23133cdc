"""Kernels that sample maps at other places, in whole programs: plain and blocked tensors, odd sizes, every instruction set."""

import numpy as np
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


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("scale", "channels"), [(2, 21), (4, 16), (8, 3)])
def test_bilinear_deconvolution(target: str, scale: int, channels: int) -> None:
    """FCN's first form of upsampling: a depth-wise deconvolution whose weights interpolate."""
    net, size = Net(), 2 * scale
    profile = 1 - np.abs((np.arange(size) - scale + 0.5) / scale)
    taps = np.outer(profile, profile).astype(np.float32)
    x = net.conv(net.b.input("x", (SymDim(), 5, 6, 7)), channels)
    weights = net.b.const("up_weight", np.tile(taps, (channels, 1, 1, 1)))
    y = net.b.op("deconv2d", x, weights, stride=(scale, scale), pad=(scale // 2, scale // 2), groups=channels)
    check(net.b.finish([y]), target, "@cpu-fp32", threads=2)


def placed(b: GraphBuilder, op: str, x: Value, out: tuple[int, int], parts: tuple[int, int], masked: bool) -> Value:
    """Appends an operator that reads an image at places that are inputs, within it and around it."""
    if op == "grid_sample":
        return b.op(op, x, b.op("mul", b.input("grid", (x.type.shape[0], 2, *out)), scalar=0.7))
    channels, (groups, offset_groups), kernel = int(x.type.shape[1]), parts, (2, 3)  # type: ignore[arg-type]
    attrs = {"kernel": kernel, "stride": (1, 2), "pad": (1, 1), "dilate": (1, 2), "groups": groups, "offset_groups": offset_groups}
    size = [(int(size) + 2 - dilate * (tap - 1) - 1) // stride + 1 for size, tap, stride, dilate in zip(x.type.shape[2:], kernel, (1, 2), (1, 2), strict=True)]
    count, batch = offset_groups * 6, x.type.shape[0]
    more = [b.op("sigmoid", b.input("mask", (batch, count, *size)))] if masked else []
    assert channels % groups == channels % offset_groups == 0
    return b.op(op, x, b.op("mul", b.input("offsets", (batch, 2 * count, *size)), scalar=2.0), *more, **attrs)


PARTS = st.tuples(st.sampled_from((1, 2)), st.sampled_from((1, 2)))
IMAGE = st.tuples(st.integers(3, 6), st.integers(3, 9))


@EXAMPLES
@given(st.sampled_from(TARGETS), st.sampled_from(("grid_sample", "deformable_columns")), st.integers(1, 3), IMAGE, SIZE, PARTS, st.booleans())
def test_places_that_are_data(target: str, op: str, channels: int, size: tuple[int, int], out: tuple[int, int], parts: tuple[int, int], masked: bool) -> None:
    b = GraphBuilder()
    x = b.input("x", (SymDim(), 4 * channels, *size))
    check(b.finish([placed(b, op, x, out, parts, masked)]), target, "@cpu-fp32")


@EXAMPLES
@given(st.sampled_from(TARGETS), st.sampled_from(("grid_sample", "deformable_columns")), st.sampled_from((5, 16, 32)), IMAGE, SIZE, PARTS, st.booleans())
def test_places_in_blocks(target: str, op: str, channels: int, size: tuple[int, int], out: tuple[int, int], parts: tuple[int, int], masked: bool) -> None:
    net = Net()
    x = net.conv(net.b.input("x", (SymDim(), 5, *size)), channels)
    y = placed(net.b, op, x, out, parts if channels > 5 else (1, 1), masked)
    check(net.b.finish([net.conv(y, 3, kernel=3, pad=1)]), target, "@cpu-fp32", threads=2)


@EXAMPLES
@given(st.sampled_from(TARGETS), st.integers(1, 5), st.sampled_from((1, 3)), st.integers(0, 3), st.integers(1, 2), st.integers(1, 2), st.booleans(),
       st.integers(1, 3))
def test_correlation(target: str, channels: int, kernel: int, far: int, stride: int, step: int, multiply: bool, images_per_item: int) -> None:
    b = GraphBuilder()
    images = [b.input(name, (SymDim(images_per_item), channels, 9, 11)) for name in "ab"]
    check(b.finish([b.op("correlation", *images, kernel=kernel, max_displacement=far, stride=stride, step=step, multiply=multiply)]), target, "@cpu-fp32")


@pytest.mark.parametrize("op", ["resize", "adaptive_avg_pool", "upsample"])
def test_blocks_stay_blocks(op: str) -> None:
    net = Net()
    x = net.conv(net.b.input("x", (1, 20, 6, 6)), 20)
    y = net.b.op(op, x, scale=(2, 2)) if op == "upsample" else resampled(op, net.b, x, (5, 7), "half_pixel")
    graph = net.b.finish([net.conv(y, 20)])
    PassManager("@cpu-fp32").run(graph, PassContext(target=parse_target("cpu:x86-64-v3")))
    assert [node.op for node in graph.nodes if node.op not in ("const", "conv2d")] == ["reorder", op, "reorder"]
    build_program(graph, parse_target("cpu:x86-64-v3"))
