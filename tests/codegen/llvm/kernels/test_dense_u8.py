"""Tests of dense layers of u8 data and i8 weights: exact sums, bit by bit, on every instruction set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.packing import pack_channels, pack_dense, pack_offset, unpack_dense
from ngc.errors import CodegenError
from ngc.ir import Step
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bytewise
from tests.codegen.llvm.kernels.bytewise import NAMES, same
from tests.codegen.llvm.kernels.typed import Memory, execute


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(NAMES), st.integers(1, 45), st.integers(1, 150), st.integers(1, 20), st.sampled_from(("u8", "f32")), st.sampled_from((0, 128, 7)),
       st.lists(st.integers(0, 60), max_size=3))
def test_rows_match_exact_products(name, fours, outputs, n, y_dtype, zero, cuts):
    target, inputs = parse_target(name), 4 * fours
    plain = Geometry(outputs, 1, (1, 1, 1), dtype="u8")
    steps = (Step("affine"), Step("add_scaled", (0.7,)), Step("tee"), Step("scale", (1.5, 3.0)))
    specs = tuple(StepSpec(step.kind, step.params, plain if step.kind in ("add_scaled", "tee") else None) for step in steps)
    kernel = DenseKernel.plan(target, inputs=inputs, outputs=outputs, steps=specs, x_dtype="u8", y_dtype=y_dtype, offset=zero != 0)
    rng = np.random.default_rng(inputs * 31 + outputs)
    x, w = rng.integers(0, 256, (n, inputs)).astype(np.uint8), rng.integers(-128, 128, (outputs, inputs)).astype(np.int8)
    scale, shift = (rng.uniform(-1, 1, (2, outputs)) * [[1e-3], [200]]).astype(np.float32)
    other = rng.integers(0, 256, (n, outputs)).astype(np.uint8)
    packed = pack_dense(kernel, w)
    assert same(unpack_dense(kernel, packed), w)
    offset = [Memory.of(pack_offset(w, zero, target.lanes()))] if zero else []
    operands = [*offset, *(Memory.of(pack_channels(v, target.lanes())) for v in (scale, shift)), Memory.of(other)]
    sums = ((x.astype(np.int64) - zero) @ w.T.astype(np.int64)).astype(np.float32)
    expected, (middle,) = bytewise.after(sums, steps, [scale, shift, other])
    for edges in ([], cuts):
        y, tee = Memory(n * outputs, "uint8" if y_dtype == "u8" else "float32"), Memory(n * outputs, "uint8")
        execute(kernel, target, [Memory.of(x), Memory.of(packed), y, *operands, tee], n, edges)
        assert same(y.array, bytewise.stored(expected, y_dtype))
        assert same(tee.array, bytewise.stored(middle, "u8"))


@pytest.mark.parametrize("name", NAMES)
def test_sums_of_extreme_values_do_not_saturate(name):
    target, inputs = parse_target(name), 4096
    kernel = DenseKernel.plan(target, inputs=inputs, outputs=2, x_dtype="u8")
    x, w, y = np.full((1, inputs), 255, np.uint8), np.repeat(np.array([[-128], [127]], np.int8), inputs, 1), Memory(2)
    execute(kernel, target, [Memory.of(x), Memory.of(pack_dense(kernel, w)), y], 1)
    assert y.array.tolist() == [-128 * 255 * inputs, 127 * 255 * inputs]


def test_rows_that_are_no_fours_are_refused():
    with pytest.raises(CodegenError, match="a dense layer of u8 data takes a multiple of 4 inputs, not 6"):
        DenseKernel.plan(parse_target("cpu:x86-64"), inputs=6, outputs=3, x_dtype="u8")
