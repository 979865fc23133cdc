"""Tests of attention against numpy in float64, on three instruction sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.attention import MASKS, AttentionKernel
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.matrices import Matrices
from ngc.errors import CodegenError
from ngc.ir import opdef
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute


def expected_of(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None, kernel: AttentionKernel) -> np.ndarray:
    """Returns what the IR says, in doubles."""
    kind = "length" if kernel.kind in ("i32", "i64") else kernel.kind
    attrs = {"scale": kernel.scale, "mask": kind, "fill": kernel.fill, "zero": kernel.zero}
    operands = [array.astype(np.float64) for array in (q, k, v)]
    [result] = opdef("attention").evaluate_arrays([*operands, *([] if mask is None else [mask])], attrs)
    return result


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(TARGETS), st.integers(1, 4), st.integers(1, 20) | st.just(60), st.integers(1, 40) | st.just(130), st.integers(1, 20),
       st.integers(1, 40), st.sampled_from(MASKS), st.booleans(), st.lists(st.integers(0, 8), max_size=3))
def test_attention_is_numpys(name, heads, queries, keys, size, width, kind, zero, cuts):
    target = parse_target(name)
    rng = np.random.default_rng(keys * 7 + queries)
    q, k, v = (rng.standard_normal(shape).astype(np.float32) for shape in ((heads, queries, size), (heads, keys, size), (heads, keys, width)))
    mask, lie = None, None
    if kind in ("i32", "i64"):
        mask, lie = rng.integers(0, keys + 1, (heads, queries)).astype({"i32": np.int32, "i64": np.int64}[kind]), Matrices(1, 0, ((heads, queries),))
    elif kind != "none":
        mask = rng.integers(0, 2, (heads, queries, keys)).astype(np.float32)
        lie = Matrices(keys, 1, ((heads, queries * keys),))
    kernel = AttentionKernel.plan(target, heads=heads, queries=queries, keys=keys, size=size, width=width, q=Matrices(size, 1, ((heads, queries * size),)),
                                  k=Matrices(size, 1, ((heads, keys * size),)), v=Matrices(width, 1, ((heads, keys * width),)),
                                  y=Matrices(width, 1, ((heads, queries * width),)), scale=size**-0.5, kind=kind, mask=lie,
                                  fill=-1e18 if kind == "select" else 0.0, zero=zero and kind == "select")
    results = []
    for edges in ([], cuts):
        y = Memory(heads * queries * width)
        memories = [Memory.of(q), Memory.of(k), Memory.of(v), *([] if mask is None else [Memory.of(mask)]), y, Memory(kernel.scratch_bytes // 4)]
        execute(kernel, target, memories, 1, edges)
        results.append(y.array.reshape(heads, queries, width))
    # Products of `size` terms move exponents by their rounding, and results are means of numbers of order one.
    np.testing.assert_allclose(results[0], expected_of(q, k, v, mask, kernel), rtol=0, atol=2.0**-24 * (size + keys + 40) * 4)
    assert np.array_equal(*results), "a partition of the work changed the result"


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("n", [1, 3])
def test_interleaved_heads_of_a_batch_of_the_run_under_one_mask(name, n):
    target, heads, length, size = parse_target(name), 2, 9, 8
    rng = np.random.default_rng(n)
    qkv = rng.standard_normal((length, n, heads, 3, size)).astype(np.float32)
    mask = rng.standard_normal((length, length)).astype(np.float32)
    pitch, step = N(heads * 3 * size), 3 * size
    places = [Matrices(pitch, 1, ((N(heads), step),), part * size) for part in range(3)]
    kernel = AttentionKernel.plan(target, heads=N(heads), queries=length, keys=length, size=size, width=size, q=places[0], k=places[1], v=places[2],
                                  y=Matrices(N(heads * size), 1, ((N(heads), size),)), kind="add", mask=Matrices(length, 1, ((N(heads), 0),)))
    y, source = Memory(length * n * heads * size), Memory.of(qkv)
    execute(kernel, target, [source, source, source, Memory.of(mask), y, Memory(kernel.scratch_bytes // 4)], n, [1, 3])
    q, k, v = (np.moveaxis(qkv[:, :, :, part], 0, 2).reshape(n * heads, length, size) for part in range(3))
    expected = expected_of(q, k, v, mask, kernel).reshape(n, heads, length, size).transpose(2, 0, 1, 3)
    np.testing.assert_allclose(y.array.reshape(expected.shape), expected, rtol=0, atol=1e-5)  # exponents of up to 10 move by 17 roundings


@pytest.mark.parametrize("name", TARGETS)
def test_rows_without_keys_are_zero_and_nan_stays(name):
    target = parse_target(name)
    plain = Matrices(4, 1, ((2, 12),))
    kernel = AttentionKernel.plan(target, heads=2, queries=3, keys=3, size=4, width=4, q=plain, k=plain, v=plain, y=plain, kind="i32",
                                  mask=Matrices(1, 0, ((2, 3),)))
    values = np.ones((2, 3, 4), np.float32)
    queries = values.copy()
    queries[1, 2] = np.nan
    y = Memory(24)
    lengths = np.array([[0, 1, 3], [0, 2, 3]], np.int32)
    execute(kernel, target, [Memory.of(queries), Memory.of(values), Memory.of(values), Memory.of(lengths), y, Memory(kernel.scratch_bytes // 4)], 1)
    got = y.array.reshape(2, 3, 4)
    assert (got[:, 0] == 0).all()
    np.testing.assert_allclose(got[[0, 0, 1], [1, 2, 1]], 1, rtol=1e-6)
    assert np.isnan(got[1, 2]).all()


def test_other_masks_and_columns_apart_are_refused():
    plain = Matrices(4, 1)
    with pytest.raises(CodegenError, match="attention has a mask of the kinds none, add, select, i32, i64, not causal"):
        AttentionKernel(1, 2, 2, 4, 4, plain, plain, plain, plain, 4, kind="causal", mask=plain)
    with pytest.raises(CodegenError, match="attention stores columns side by side"):
        AttentionKernel(1, 2, 2, 4, 4, plain, plain, plain, Matrices(1, 4), 4)
