"""The kernel of topk: whole rows and buffers of candidates, every element type, NaN and equal elements, on three instruction sets."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.merge_sort import sorting_network
from ngc.codegen.llvm.kernels.nests import arg_reduction
from ngc.codegen.llvm.kernels.topk import TopkKernel
from ngc.ir import opdef
from ngc.target import parse_target
from tests.codegen.llvm.kernels.bfloat import bf16_bits, rounded
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.test_nests import CUTS, NUMPY, TARGET, check
from tests.codegen.llvm.kernels.typed import Memory, execute


def data(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Returns elements of which many are equal, of floats some NaN, infinite, or a zero of either sign."""
    rng = np.random.default_rng(seed)
    if dtype.startswith("f"):
        x = np.round(rng.normal(size=shape) * 4).astype(NUMPY[dtype])
        chosen = rng.random(shape)
        return np.select([chosen < 0.02, chosen < 0.04, chosen < 0.06, chosen < 0.1], [np.nan, np.inf, -np.inf, -0.0], x).astype(NUMPY[dtype])
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(NUMPY[dtype])
    return np.where(rng.random(shape) < 0.7, rng.integers(0, 5, shape), rng.integers(limits.min, limits.max, shape, NUMPY[dtype], True)).astype(NUMPY[dtype])


def run(spec: TopkKernel, name: str, x: np.ndarray, n: int, cuts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values and indices that a kernel writes."""
    shape = (x.shape[0], spec.k, x.shape[2])
    values, indices = Memory(int(np.prod(shape)), str(x.dtype)), Memory(int(np.prod(shape)), "int32")
    execute(spec, parse_target(name), [Memory.of(x), values, indices, Memory(spec.scratch_bytes, "uint8")], n, cuts)
    return values.array.reshape(shape), indices.array.reshape(shape)


@settings(deadline=None, max_examples=25)
@given(TARGET, st.sampled_from((1, 2, 7, 8, 9, 63, 300, 1500)), st.sampled_from((1, 3)), st.data(), st.integers(1, 2), CUTS,
       st.sampled_from(sorted(NUMPY)), st.booleans(), st.integers(0, 9))
def test_topk(name, axis, inner, drawn, n, cuts, dtype, largest, seed):
    k = drawn.draw(st.sampled_from((1, 2, 5, 50, axis)).filter(lambda k: k <= axis))
    spec = TopkKernel(N(2), axis, inner, k, largest, dtype)
    x = data((2 * n, axis, inner), dtype, seed)
    definition = opdef("topk")
    values, indices = definition.evaluate_arrays([x], definition.check_attrs({"axis": 1, "k": k, "largest": largest}))
    found_values, found_indices = run(spec, name, x, n, cuts)
    np.testing.assert_array_equal(found_indices, indices)
    np.testing.assert_array_equal(found_values, values)
    np.testing.assert_array_equal(np.signbit(found_values), np.signbit(values))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("largest", [False, True])
def test_a_buffer_that_every_element_enters(name, largest):
    """The worst order: each element is better than all before it, and the buffer is full again and again."""
    spec = TopkKernel(1, 3000, 1, 20, largest)
    assert spec.selects
    x = np.arange(3000, dtype=np.float32)[None, :, None] * (1 if largest else -1)
    _, indices = run(spec, name, x, 1, [])
    np.testing.assert_array_equal(indices[0, :, 0], 2999 - np.arange(20))


@pytest.mark.parametrize("name", TARGETS)
def test_brain_floats(name):
    x = rounded(data((2, 400, 1), "f32", 3))
    spec = TopkKernel(2, 400, 1, 30, largest=True, dtype="bf16")
    values, indices = run(spec, name, bf16_bits(x).reshape(x.shape), 1, [])
    definition = opdef("topk")
    _, expected = definition.evaluate_arrays([x], definition.check_attrs({"axis": 1, "k": 30, "largest": True}))
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(bf16_bits(x).reshape(x.shape), indices, 1))


def test_only_long_rows_pass_through_a_buffer():
    assert not TopkKernel(1, 400, 1, 5, largest=True).selects
    assert TopkKernel(1, 8732, 1, 400, largest=True).capacity == 1600
    assert TopkKernel(1, 8732, 1, 8732, largest=True).capacity == 8736
    assert TopkKernel(1, 64, 1, 8, largest=True, dtype="f64").scratch_bytes == 2 * 64 * 16


@pytest.mark.parametrize("size", [2, 4, 8])
def test_the_network_sorts_every_row_of_zeros_and_ones(size):
    """By which it sorts all rows (the 0-1 principle)."""
    for bits in range(2**size):
        row = [bits >> place & 1 for place in range(size)]
        for low, high in sorting_network(size):
            row[low], row[high] = min(row[low], row[high]), max(row[low], row[high])
        assert row == sorted(row)


@settings(deadline=None, max_examples=25)
@given(TARGET, st.sampled_from((1, 3, 17, 70, 300)), st.sampled_from((1, 2, 33, 200)), st.integers(1, 2), CUTS, st.sampled_from(sorted(NUMPY)),
       st.sampled_from(("argmax", "argmin")), st.sampled_from((0, 1, 2)), st.integers(0, 9))
@example("cpu:x86-64-v4", 17, 200, 1, [], "f32", "argmax", 2, 0)
@example("cpu:x86-64", 300, 1, 1, [], "i64", "argmin", 1, 0)
@example("cpu:x86-64-v3", 1, 300, 1, [], "f16", "argmin", 2, 1)
def test_arg_reductions(name, axis, inner, n, cuts, dtype, op, along, seed):
    x = data((2 * n, axis, inner), dtype, seed)
    loops = (N(2), axis, inner)
    definition = opdef(op)
    [expected] = definition.evaluate_arrays([x], definition.check_attrs({"axis": along}))
    check(arg_reduction(loops, along, op, dtype, "i32"), name, [x], expected, n, cuts)
