"""Tests of convolutions of u8 data and i8 weights: exact sums, bit by bit, on every instruction set."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels import dot
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.packing import pack_channels, pack_conv, pack_offset, unpack_conv
from ngc.errors import CodegenError
from ngc.ir import Step
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bytewise
from tests.codegen.llvm.kernels.bytewise import NAMES, same
from tests.codegen.llvm.kernels.conv_problems import conv_fields
from tests.codegen.llvm.kernels.harness import convolution
from tests.codegen.llvm.kernels.typed import Memory, execute


@st.composite
def problems(draw):
    """Draws a target and the fields of a convolution of u8 data without steps, into u8 or f32."""
    target = parse_target(draw(st.sampled_from(NAMES)))
    return target, draw(conv_fields(target.lanes(), first_block=4, x_dtype="u8", y_dtypes=("u8", "f32")))


def data(kernel: ConvKernel, n: int, seed: int = 0):
    """Returns random input and weights over the whole range of their types."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n, kernel.x.channels, *kernel.x.spatial)).astype(np.uint8)
    return x, rng.integers(-128, 128, (kernel.y.channels, kernel.x.channels // kernel.groups, *kernel.kernel)).astype(np.int8)


def sums(kernel: ConvKernel, x, w, zero: int):
    """Returns the exact sums of (x - zero) * w, rounded to f32; padding reads the zero."""
    exact, _ = convolution(x.astype(np.float32) - zero, w.astype(np.float32), kernel.stride, kernel.dilation, kernel.pad, kernel.out, kernel.groups)
    return exact.astype(np.float32)


def operands(kernel: ConvKernel, target, x, w, zero: int):
    """Returns input, weights, room for the result, and the offset of a kernel that has one."""
    out = bytewise.room(kernel.y, len(x))
    offset = [Memory.of(pack_offset(w, zero, target.lanes()))] if kernel.offset else []
    return [bytewise.memory(x, kernel.x, zero), Memory.of(pack_conv(kernel, w)), out, *offset]


@settings(deadline=None, max_examples=100)
@given(problems(), st.sampled_from((0, 0, 128, 3, 255)), st.integers(1, 3), st.lists(st.integers(0, 40), max_size=3))
def test_sums_are_exact_for_any_shape(problem, zero, n, cuts):
    target, fields = problem
    kernel = ConvKernel.plan(target, **fields, offset=zero != 0, steps=(StepSpec("scale", (0.01, 100.0)),))
    x, w = data(kernel, n)
    memories = operands(kernel, target, x, w, zero)
    assert memories[1].array.nbytes == kernel.weight_bytes
    execute(kernel, target, memories, n)
    got = bytewise.values(memories[2], kernel.y, n)
    expected, _ = bytewise.after(sums(kernel, x, w, zero), [Step("scale", (0.01, 100.0))], [])
    assert same(got, bytewise.stored(expected, kernel.y.dtype))
    memories[2] = again = bytewise.room(kernel.y, n)
    execute(kernel, target, memories, n, cuts)
    assert same(bytewise.values(again, kernel.y, n), got), "a partition of the work changed the result"
    if kernel.aligned:
        assert same(unpack_conv(kernel, memories[1].array, w.shape), w)


def small(target, channels=37, size=9, dtype="u8", **fields) -> ConvKernel:
    """Returns a 3x3 convolution of odd channels."""
    lanes = target.lanes()
    x = Geometry(channels, lanes, (1, size, size), ((0, 0), (1, 1), (1, 1)), dtype="u8")
    return ConvKernel.plan(target, x=x, y=Geometry(37, lanes, (1, size, size), dtype=dtype), kernel=(1, 3, 3), pad=(0, 1, 1), **fields)


@pytest.mark.parametrize("name", NAMES)
def test_steps_and_tees_round_like_the_reference(name):
    target, n = parse_target(name), 2
    kernel = small(target, offset=True)
    steps = (Step("affine"), Step("add_scaled", (0.37,)), Step("tee"), Step("relu"), Step("scale", (0.3, 7.0)), Step("clip", (3.0, 180.0)))
    kernel = dataclasses.replace(kernel, steps=tuple(StepSpec(step.kind, step.params, kernel.y if step.kind in ("add_scaled", "tee") else None)
                                                     for step in steps))
    x, w = data(kernel, n)
    rng = np.random.default_rng(3)
    scale, shift = (rng.uniform(-1, 1, (2, 37)) * [[1e-3], [200]]).astype(np.float32)
    residual = rng.integers(0, 256, (n, 37, 1, 9, 9)).astype(np.uint8)
    tee = bytewise.room(kernel.y, n)
    memories = operands(kernel, target, x, w, 77)
    vectors = [Memory.of(pack_channels(v, target.lanes())) for v in (scale, shift)]
    execute(kernel, target, [*memories, *vectors, bytewise.memory(residual, kernel.y), tee], n, [2])
    expected, (middle,) = bytewise.after(sums(kernel, x, w, 77), steps, [scale, shift, residual])
    assert same(bytewise.values(tee, kernel.y, n), bytewise.stored(middle, "u8"))
    assert same(bytewise.values(memories[2], kernel.y, n), bytewise.stored(expected, "u8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_residual_may_be_the_output_itself(name):
    target = parse_target(name)
    kernel = small(target)
    kernel = dataclasses.replace(kernel, steps=(StepSpec("scale", (1e-3, 90.0)), StepSpec("add_scaled", (0.5,), kernel.y)))
    x, w = data(kernel, 1)
    residual = np.random.default_rng(5).integers(0, 256, (1, 37, 1, 9, 9)).astype(np.uint8)
    memories = operands(kernel, target, x, w, 0)
    execute(kernel, target, [*memories, bytewise.memory(residual, kernel.y)], 1)
    both = bytewise.memory(residual, kernel.y)
    execute(kernel, target, [*memories[:2], both, both], 1, [2, 5])
    assert same(bytewise.values(both, kernel.y, 1), bytewise.values(memories[2], kernel.y, 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weight", [-128, 127])
def test_sums_of_extreme_values_do_not_saturate(name, weight):
    """512 channels of 3x3: 4608 products of 255 by -128 or 127, which 16-bit sums of pairs could not hold."""
    target = parse_target(name)
    lanes = target.lanes()
    x, y = Geometry(512, lanes, (1, 3, 3), dtype="u8"), Geometry(5, lanes, (1, 1, 1))
    kernel = ConvKernel.plan(target, x=x, y=y, kernel=(1, 3, 3))
    values, w = np.full((1, 512, 1, 3, 3), 255, np.uint8), np.full((5, 512, 1, 3, 3), weight, np.int8)
    memories = operands(kernel, target, values, w, 0)
    execute(kernel, target, memories, 1)
    assert (bytewise.values(memories[2], y, 1) == np.float32(4608 * 255 * weight)).all()


@pytest.mark.parametrize("name", NAMES)
def test_halfway_values_are_rounded_to_even(name):
    target = parse_target(name)
    lanes = target.lanes()
    x, y = Geometry(1, 4, (1, 1, 200), dtype="u8"), Geometry(3, lanes, (1, 1, 200), dtype="u8")
    kernel = ConvKernel.plan(target, x=x, y=y, kernel=(1, 1, 1), steps=(StepSpec("scale", (0.5, 0.0)),))
    values, w = np.arange(200, dtype=np.uint8).reshape(1, 1, 1, 1, 200), np.array([1, 3, -1], np.int8).reshape(3, 1, 1, 1, 1)
    memories = operands(kernel, target, values, w, 0)
    execute(kernel, target, memories, 1)
    expected = np.rint(np.arange(200) * np.array([[0.5], [1.5], [-0.5]])).clip(0, 255)
    assert np.array_equal(bytewise.values(memories[2], y, 1).reshape(3, 200), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("padding", [0, 255])
def test_lanes_without_a_channel_do_not_count(name, padding):
    """An image of three channels lies in blocks of four, whose last byte may be anything."""
    target, size = parse_target(name), 12
    x = Geometry(3, 4, (1, size, size), ((0, 0), (3, 3), (3, 3)), dtype="u8")
    y = Geometry(24, target.lanes(), (1, size // 2, size // 2))
    kernel = ConvKernel.plan(target, x=x, y=y, kernel=(1, 7, 7), stride=(1, 2, 2), pad=(0, 3, 3), offset=True)
    values, w = data(kernel, 1)
    memories = operands(kernel, target, values, w, 114)
    memories[0].array[3::4] = padding
    execute(kernel, target, memories, 1)
    assert same(bytewise.values(memories[2], y, 1), sums(kernel, values, w, 114))


@pytest.mark.parametrize("name", ["cpu:znver4", "cpu:cascadelake", "cpu:alderlake"])
def test_processors_with_the_instruction_use_it(name):
    target = parse_target(name)
    kernel = small(target)
    text = jit.compile_assembly(f'target triple = "{target.triple}"\n{kernel.emit(target)}', target.cpu, target.features)
    products = [line for line in text.splitlines() if "vpdpbusd" in line]
    assert products
    assert all(("{vex}" in line and "%ymm" in line) == (name == "cpu:alderlake") for line in products)
    assert "pmaddwd" not in text


def test_the_form_for_any_instruction_set_gives_the_same_sums(monkeypatch):
    target = parse_target("cpu:x86-64")
    kernel = small(target, offset=True, dtype="f32")
    x, w = data(kernel, 1)
    memories = operands(kernel, target, x, w, 9)
    monkeypatch.setattr(dot, "u8_dot", lambda _: dot.BYTE_DOT)
    execute(kernel, target, memories, 1)
    assert same(bytewise.values(memories[2], kernel.y, 1), sums(kernel, x, w, 9))


def test_planes_prologues_and_odd_blocks_are_refused():
    target = parse_target("cpu:x86-64-v4")
    x, y = Geometry(16, 16, (1, 8, 8), dtype="u8"), Geometry(16, 16, (1, 8, 8))
    with pytest.raises(CodegenError, match="u8 data takes channels by fours and no prologue, not blocks of 1 and 0 steps"):
        ConvKernel.plan(target, x=dataclasses.replace(x, block=1), y=y, kernel=(1, 1, 1))
    with pytest.raises(CodegenError, match="u8 data takes channels by fours and no prologue, not blocks of 16 and 1 steps"):
        ConvKernel.plan(target, x=x, y=y, kernel=(1, 1, 1), prologue=(StepSpec("relu"),))
