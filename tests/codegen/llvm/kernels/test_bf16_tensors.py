"""Kernels that compute in f32 on tensors of bf16 give what they give on the same values in f32, rounded once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, KernelSpec, StepSpec
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.pool import PoolKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.packing import pack_channels, pack_depthwise
from ngc.codegen.llvm.packing_winograd import pack_winograd
from ngc.errors import CodegenError
from ngc.target import CpuTarget, parse_target
from tests.codegen.llvm.kernels import bfloat
from tests.codegen.llvm.kernels.bfloat import TARGET, needs_bf16
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute

HALO = ((0, 0), (1, 1), (1, 2))
EVERY_TARGET = [*(pytest.param(name, id=name) for name in TARGETS), pytest.param(TARGET.name, marks=needs_bf16, id=TARGET.name)]


def with_dtypes(spec: KernelSpec, x: str, y: str) -> KernelSpec:
    """Returns a kernel on tensors of other dtypes, those of its steps included."""
    if getattr(spec, "steps", ()):
        spec = replace(spec, steps=tuple(replace(step, tensor=step.tensor and replace(step.tensor, dtype=y)) for step in spec.steps))
    return replace(spec, x=replace(spec.x, dtype=x), y=replace(spec.y, dtype=y))


def results(spec: KernelSpec, target: CpuTarget, values: np.ndarray, packed: list[np.ndarray], middle: list[Memory], residual: np.ndarray | None):
    """Returns the output on f32 tensors, rounded to bf16, and the outputs into bf16 and into f32 on bf16 tensors."""
    n, found = len(values), []
    for x, y in (("f32", "f32"), ("bf16", "bf16"), ("bf16", "f32")):
        typed = with_dtypes(spec, x, y)
        out = bfloat.room(typed.y, n)
        tensors = [] if residual is None else [bfloat.memory(residual, replace(typed.y, halo=((0, 0),) * 3))]
        execute(typed, target, [bfloat.memory(values, typed.x), *map(Memory.of, packed[:1]), out, *middle, *map(Memory.of, packed[1:]), *tensors], n, [3])
        found.append(bfloat.values(out, typed.y, n))
    return bfloat.rounded(found[0]), found[1], found[0], found[2]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns normal numbers that bf16 has."""
    return bfloat.rounded(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("name", EVERY_TARGET)
@settings(deadline=None, max_examples=12)
@given(channels=st.integers(1, 40), height=st.integers(1, 12), width=st.integers(1, 17), stride=st.integers(1, 2), kernel=st.sampled_from((3, 5)))
def test_depthwise(name, channels, height, width, stride, kernel):
    target = parse_target(name)
    lanes, pad = target.lanes(), kernel // 2
    out = (1, -(-height // stride), -(-width // stride))
    x = Geometry(channels, lanes, (1, height, width), ((0, 0), (pad, pad), (pad, pad)))
    y = Geometry(channels, lanes, out, ((0, 0), (1, 0), (0, 2)))
    steps = (StepSpec("bias"), StepSpec("add", tensor=replace(y, halo=((0, 0),) * 3)), StepSpec("relu"))
    spec = DepthwiseKernel.plan(target, x=x, y=y, kernel=(1, kernel, kernel), stride=(1, stride, stride), pad=(0, pad, pad), steps=steps)
    packed = [pack_depthwise(spec, numbers(channels, 1, 1, kernel, kernel, seed=1)), pack_channels(numbers(channels, seed=2), lanes)]
    wanted, narrow, exact, wide = results(spec, target, numbers(2, channels, *x.spatial), packed, [], numbers(2, channels, *out, seed=3))
    np.testing.assert_array_equal(narrow, wanted)
    np.testing.assert_array_equal(wide, exact)


@pytest.mark.parametrize("name", EVERY_TARGET)
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(("channels", "outputs", "height", "width"), [(5, 37, 9, 14), (40, 16, 4, 3), (16, 20, 1, 1)])
def test_winograd(name, size, channels, outputs, height, width):
    target = parse_target(name)
    lanes = target.lanes()
    x = Geometry(channels, lanes, (1, height, width), HALO)
    y = Geometry(outputs, lanes, (1, height, width), ((0, 0), (1, 0), (0, 2)))
    steps = (StepSpec("bias"), StepSpec("add", tensor=replace(y, halo=((0, 0),) * 3)), StepSpec("relu"))
    spec = WinogradKernel.plan(target, x=x, y=y, steps=steps, size=size)
    packed = [pack_winograd(spec, numbers(outputs, channels, 1, 3, 3, seed=1)), pack_channels(numbers(outputs, seed=2), lanes)]
    scratch = [Memory(spec.scratch_bytes, "uint8")]
    wanted, narrow, exact, wide = results(spec, target, numbers(2, channels, *x.spatial), packed, scratch, numbers(2, outputs, *y.spatial, seed=3))
    np.testing.assert_array_equal(narrow, wanted)
    np.testing.assert_array_equal(wide, exact)


@pytest.mark.parametrize("name", EVERY_TARGET)
@pytest.mark.parametrize("kind", ["max", "avg", "sum", "lp"])
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(3, 2, 1), (2, 2, 0), (11, 1, 0)])
def test_pool(name, kind, kernel, stride, pad):
    target = parse_target(name)
    size = 11
    out = (size + 2 * pad - kernel) // stride + 1
    x = Geometry(37, target.lanes(), (1, size, size), HALO)
    spec = PoolKernel(x, Geometry(37, target.lanes(), (1, out, out)), kind, (1, kernel, kernel), (1, stride, stride), (0, pad, pad))
    values = abs(numbers(2, 37, 1, size, size))  # roots of sums are of sums that do not cancel
    wanted, narrow, exact, wide = results(spec, target, values, [], [], None)
    np.testing.assert_array_equal(narrow, wanted)
    np.testing.assert_array_equal(wide, exact)


def test_pools_between_other_dtypes_are_refused():
    x = Geometry(8, 8, (1, 4, 4), dtype="i8")
    with pytest.raises(CodegenError, match="not max of i8 to f32"):
        PoolKernel(x, replace(x, dtype="f32"), "max", (1, 1, 1))
