"""Tests of the dense layer against products in float64, on three instruction sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import StepSpec
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.packing import pack_channels, pack_dense
from ngc.codegen.llvm.packing_words import bf16_bits
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bfloat
from tests.codegen.llvm.kernels.bfloat import HALF_ULP, TARGET, needs_bf16
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, assert_close, run
from tests.codegen.llvm.kernels.typed import Memory, execute


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(TARGETS), st.integers(1, 90), st.integers(1, 150), st.integers(1, 20), st.integers(1, 3), st.integers(0, 5),
       st.integers(0, 5), st.lists(st.integers(0, 60), max_size=3))
def test_matches_products_for_any_shape(name, inputs, outputs, n, rows, x_gap, y_gap, cuts):
    target = parse_target(name)
    steps = (StepSpec("bias"), StepSpec("add"), StepSpec("tee"), StepSpec("relu"))
    kernel = DenseKernel.plan(target, inputs=inputs, outputs=outputs, rows=rows, x_pitch=inputs + x_gap, y_pitch=outputs + y_gap, steps=steps)
    rng = np.random.default_rng(inputs * 31 + outputs)
    total = n * rows
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((total, inputs), (outputs, inputs)))
    bias, other = rng.standard_normal(outputs).astype(np.float32), rng.standard_normal((total, outputs)).astype(np.float32)
    rows_of = lambda buffer, pitch, width: buffer.array.reshape(total, pitch)[:, :width]  # noqa: E731
    source = Buffer(total * (inputs + x_gap))
    rows_of(source, inputs + x_gap, inputs)[:] = x
    # Tensors of steps are as wide as the output, but plain: no gap between their rows.
    results = []
    for edges in ([], cuts):
        y, tee = Buffer(total * (outputs + y_gap)), Buffer(total * (outputs + y_gap))
        run(kernel, target, [source, Buffer.of(pack_dense(kernel, w)), y, Buffer.of(pack_channels(bias, target.lanes())),
                             _padded(other, y_gap), tee], n, edges)
        results.append((rows_of(y, outputs + y_gap, outputs).copy(), rows_of(tee, outputs + y_gap, outputs).copy()))
        rows_of(y, outputs + y_gap, outputs)[:] = np.nan
        assert np.isnan(y.array).all(), "a gap between rows was written"
    expected = x.astype(np.float64) @ w.T.astype(np.float64) + bias + other
    magnitude = abs(x.astype(np.float64)) @ abs(w.T.astype(np.float64)) + abs(bias) + abs(other)
    assert_close(results[0][1], expected, magnitude, inputs + 2)
    assert np.array_equal(results[0][0], np.maximum(results[0][1], 0))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True)), "a partition of the work changed the result"


def _padded(values, gap):
    buffer = Buffer(values.shape[0] * (values.shape[1] + gap))
    buffer.array.reshape(values.shape[0], -1)[:, :values.shape[1]] = values
    return buffer


@needs_bf16
@settings(deadline=None, max_examples=40)
@given(st.integers(1, 45), st.integers(1, 150), st.integers(1, 20), st.sampled_from(("bf16", "f32")), st.lists(st.integers(0, 60), max_size=3))
def test_rows_of_bf16_match_products(pairs, outputs, n, y_dtype, cuts):
    steps = (StepSpec("bias"), StepSpec("add"), StepSpec("tee"))
    kernel = DenseKernel.plan(TARGET, inputs=2 * pairs, outputs=outputs, steps=steps, x_dtype="bf16", y_dtype=y_dtype)
    rng = np.random.default_rng(pairs * 31 + outputs)
    x, w, other = (bfloat.rounded(rng.standard_normal(shape).astype(np.float32)) for shape in ((n, 2 * pairs), (outputs, 2 * pairs), (n, outputs)))
    bias = rng.standard_normal(outputs).astype(np.float32)
    room = lambda: Memory(n * outputs, "uint16" if y_dtype == "bf16" else "float32")  # noqa: E731
    stored = lambda values: Memory.of(bf16_bits(values) if y_dtype == "bf16" else values)  # noqa: E731
    results = []
    for edges in ([], cuts):
        y, tee = room(), room()
        execute(kernel, TARGET, [Memory.of(bf16_bits(x)), Memory.of(pack_dense(kernel, w)), y, Memory.of(pack_channels(bias, 16)), stored(other), tee],
                n, edges)
        assert np.array_equal(y.array, tee.array)
        results.append((bfloat.floats(y) if y_dtype == "bf16" else y.array).reshape(n, outputs))
    expected = x.astype(np.float64) @ w.T.astype(np.float64) + bias + other
    magnitude = abs(x.astype(np.float64)) @ abs(w.T.astype(np.float64)) + abs(bias) + abs(other)
    allowed = (2 * pairs + 6) * 2.0**-24 * magnitude + (HALF_ULP * abs(expected) if y_dtype == "bf16" else 0)
    assert (abs(results[0] - expected) <= allowed).all()
    assert np.array_equal(*results), "a partition of the work changed the result"


def test_odd_rows_of_bf16_and_targets_without_the_instruction_are_refused():
    with pytest.raises(CodegenError, match="a dense layer of bf16 data takes a multiple of 2 inputs, not 7"):
        DenseKernel.plan(TARGET, inputs=7, outputs=3, x_dtype="bf16")
    with pytest.raises(CodegenError, match="cpu:x86-64-v4 has no dense layer of bf16 data"):
        DenseKernel.plan(parse_target("cpu:x86-64-v4"), inputs=8, outputs=3, x_dtype="bf16")
