"""Tests of the recurrent kernel against the operator's own evaluation in double precision, on three instruction sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.recurrent import RecurrentKernel, pack_bias, recurrent_steps, unpack_recurrent
from ngc.codegen.llvm.packing import packed
from ngc.errors import CodegenError
from ngc.ir import opdef
from ngc.ir.ops.recurrent import GATES
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, run

MODES = st.sampled_from(tuple(GATES))


def uniform(rng, *shape, scale=1.0):
    """Returns random numbers of single precision."""
    return rng.uniform(-scale, scale, shape).astype(np.float32)


def operands(mode, steps, batch, hidden, directions, one, lengths, seed):
    """Returns the operator's operands; weights are scaled so that sums stay of order one."""
    rng = np.random.default_rng(seed)
    rows = directions * GATES[mode] * hidden
    x, w = uniform(rng, steps, batch, 3), uniform(rng, rows, 3)
    r, b = uniform(rng, rows, hidden, scale=1.7 / np.sqrt(hidden)), uniform(rng, 2, rows)
    states = [uniform(rng, directions, 1 if one else batch, hidden) for _ in range(1 + (mode == "lstm"))]
    return [x, w, r, b, *states, *([rng.integers(0, steps + 2, batch, np.int32)] if lengths else [])]


def given_gates(mode, arrays, directions):
    """Returns what the input gives, with the biases that precede the gates' functions, and a GRU's other biases."""
    x, w, r, b = arrays[:4]
    hidden = r.shape[1]
    inner = np.zeros((directions, GATES[mode], hidden), np.float32)
    if mode == "gru":
        inner[:, 2] = b[1].reshape(inner.shape)[:, 2]
    gates = x.astype(np.float64) @ w.T.astype(np.float64) + b[0] + b[1] - inner.reshape(-1)
    return gates.astype(np.float32), inner[:, -1]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(TARGETS), MODES, st.integers(1, 4), st.integers(1, 9), st.integers(1, 70), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
       st.lists(st.integers(0, 18), max_size=3))
def test_matches_the_evaluator_for_any_shape(name, mode, steps, batch, hidden, both, one, lengths, clipped, cuts):
    target, directions = parse_target(name), 1 + both
    clip = (-0.2, 0.3) if clipped and mode == "lstm" else (None, None)
    arrays = operands(mode, steps, batch, hidden, directions, one, lengths, hidden * 31 + batch)
    kernel = RecurrentKernel.plan(target, mode=mode, steps=steps, hidden=hidden, directions=directions, clip=clip, lengths=lengths, one_state=one, one_cell=one)
    gates, bias = given_gates(mode, arrays, directions)
    weights = packed(kernel.weight_size, lambda out: recurrent_steps(kernel, arrays[2], out))
    np.testing.assert_array_equal(unpack_recurrent(kernel, weights), arrays[2])
    inputs = [Buffer.of(array) for array in (gates, weights, *([pack_bias(kernel, bias)] if mode == "gru" else []), *arrays[4:5 + kernel.has_cell])]
    inputs += [Buffer.of(arrays[-1].view(np.float32))] if lengths else []
    found = []
    for edges in ([], cuts):
        y, *states, spare = (Buffer(size) for size in (steps * batch * directions * hidden, *[directions * batch * hidden] * (2 + kernel.has_cell)))
        run(kernel, target, [*inputs, y, *states, spare], batch, edges)
        found.append([buffer.array.copy() for buffer in (y, *states)])
    definition = opdef("recurrent")
    attrs = definition.check_attrs({"mode": mode, "bidirectional": both, "clip_min": clip[0], "clip_max": clip[1]})
    for got, again, wanted in zip(*found, definition.evaluate_arrays(arrays, attrs), strict=True):
        # A sum has hidden + 3 terms of order one; a step adds to the state's error what the weights, whose rows' magnitudes add up to 1.7 * sqrt(hidden)
        # at most and far less on average, make of it.
        np.testing.assert_allclose(got.reshape(wanted.shape), wanted, rtol=0, atol=2.0**-24 * 16 * steps * (hidden + 16))
        assert np.array_equal(got, again), "a partition of the work changed the result"


def test_vectors_are_those_of_the_target():
    target = parse_target(TARGETS[0])
    kernel = RecurrentKernel("lstm", 3, 8, 2 * target.lanes())
    with pytest.raises(CodegenError, match=f"recurrent layer in vectors of {2 * target.lanes()}; {TARGETS[0]} has vectors of {target.lanes()}"):
        kernel.emit(target)


def test_modes_are_named():
    with pytest.raises(CodegenError, match="a recurrent layer is one of rnn_relu, rnn_tanh, lstm, gru, not sru"):
        RecurrentKernel("sru", 3, 8, 4)
