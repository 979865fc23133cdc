"""Tests of the kernels that measure what a core can do: that they run, and what they say that they did. How fast, is no test's business."""

import ctypes

import numpy as np
import pytest

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.peak import PeakKernel, StreamKernel
from ngc.errors import CodegenError
from ngc.target import CpuTarget, host_target, parse_target

TARGETS = [parse_target(name) for name in ("cpu:x86-64-v4", "cpu:x86-64-v3", "cpu:x86-64")]


def run(spec: KernelSpec, target: CpuTarget, pointer: int = 0) -> np.ndarray:
    """Runs a kernel such that it stores its last chain over the place of its arguments; returns that vector."""
    if not all(host_target().has(feature) for feature in target.provided):
        pytest.skip(f"this processor cannot run code for {target.name}")
    symbol = spec.symbol(target)
    library = jit.Library({symbol: jit.compile_object(spec.emit(target), target.cpu, target.features)})
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(library.addresses[symbol])
    arguments = np.zeros(32, np.int64)
    arguments[0] = pointer
    function(arguments.ctypes.data, -1, 0, sum(spec.work))
    return arguments.view(np.float32)[:target.lanes()]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_peak_kernel_runs_every_chain(target):
    spec = PeakKernel.plan(target)
    last = spec.chains - 1
    # x is 0 and y is 1: a fused chain x*y + value keeps its value, value*x + y becomes y.
    np.testing.assert_array_equal(run(spec, target), last if target.has_fma else 1)
    assert spec.flops() == 2 * spec.chains * target.lanes() * 20000


def test_the_peak_of_bf16_counts_two_products_a_lane():
    target = parse_target("cpu:znver4")
    spec = PeakKernel.plan(target, "bf16")
    np.testing.assert_array_equal(run(spec, target), spec.chains - 1)
    assert spec.flops() == 2 * PeakKernel.plan(target).flops()


def test_the_peak_of_u8_counts_four_products_a_lane():
    target = parse_target("cpu:znver4")
    spec = PeakKernel.plan(target, "u8")
    # The bytes of 0.0 and 1.0: nothing is added to an integer of a chain.
    np.testing.assert_array_equal(run(spec, target).view(np.int32), spec.chains - 1)
    assert spec.flops() == 4 * PeakKernel.plan(target).flops()


@pytest.mark.parametrize("dtype", ["bf16", "f16", "u8"])
def test_a_peak_that_a_target_does_not_have_is_refused(dtype):
    with pytest.raises(CodegenError, match=f"^cpu:x86-64-v4 has no multiply-adds of {dtype}$"):
        PeakKernel.plan(parse_target("cpu:x86-64-v4"), dtype)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_stream_kernel_reads_every_whole_item(target):
    lanes = target.lanes()
    spec = StreamKernel.plan(target, 5 * 8 * lanes + 3)
    values = np.arange(spec.size, dtype=np.float32)  # sums of these are exact
    assert (spec.size, spec.work, spec.bytes_read) == (5 * 8 * lanes, (0, 5), 4 * 5 * 8 * lanes)
    np.testing.assert_array_equal(run(spec, target, values.ctypes.data), values.reshape(5, 8, lanes)[:, -1].sum(0))
