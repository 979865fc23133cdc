"""Tests of the steps around results of u8: what is stored, and that nothing is contracted; bit by bit, on every instruction set."""

import numpy as np
import pytest

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.packing import pack_channels, pack_conv, pack_dense
from ngc.ir import Step
from ngc.target import parse_target
from tests.codegen.llvm.kernels import bytewise
from tests.codegen.llvm.kernels.bytewise import NAMES, same
from tests.codegen.llvm.kernels.typed import Memory, execute

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 1.5, 2.5, 254.5, 255.5, 253.5, -0.5, -1.0, 256.0, 3e9, -3e9, 1e30, 2**31, 2**23 + 1.0,
                    0.49999997, 0.50000006, 254.49998, 254.50002, 1e-40], np.float32)  # fmt: skip
"""Values around which rounding and saturation go wrong: halves, neighbours of halves, and what no i32 holds."""


def identity(target, y: Geometry, steps: tuple[StepSpec, ...] = ()) -> ConvKernel:
    """Returns the kernel that hands an input of f32 with as many channels to the steps."""
    return ConvKernel.plan(target, x=Geometry(y.channels, target.lanes(), y.spatial), y=y, kernel=(1, 1, 1), groups=y.channels, steps=steps)


def pass_through(target, x, y: Geometry, steps=(), memories=()):
    """Returns the results of the steps for values of x; `memories` are their operands."""
    kernel = identity(target, y, steps)
    out = bytewise.room(y, len(x))
    weights = np.ones((y.channels, 1, 1, 1, 1), np.float32)
    execute(kernel, target, [bytewise.memory(x, kernel.x), Memory.of(pack_conv(kernel, weights)), out, *memories], len(x), [1])
    return bytewise.values(out, y, len(x))


@pytest.mark.parametrize("name", NAMES)
def test_results_of_u8_are_rounded_to_even_and_saturated(name):
    target = parse_target(name)
    x = np.zeros((1, 1, 1, 1, SPECIAL.size), np.float32)
    x[0, 0, 0, 0] = SPECIAL
    got = pass_through(target, x, Geometry(1, target.lanes(), (1, 1, SPECIAL.size), dtype="u8"))
    assert got.reshape(-1).tolist() == [0, 255, 0, 0, 0, 0, 2, 2, 254, 255, 254, 0, 0, 255, 255, 0, 255, 255, 255, 0, 1, 254, 255, 0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["u8", "f32"])
def test_every_operation_of_a_step_is_rounded_for_itself(name, dtype):
    target, n, channels, shape = parse_target(name), 2, 19, (1, 5, 7)
    lanes, rng = target.lanes(), np.random.default_rng(2)
    y, u8, f32 = (Geometry(channels, lanes, shape, dtype=kind) for kind in (dtype, "u8", "f32"))
    steps = (Step("affine"), Step("add_scaled", (0.3,)), Step("tee"), Step("scale", (0.7, 13.3)), Step("add_scaled", (1.1,)), Step("leaky_relu", (0.125,)),
             Step("bias"))
    specs = tuple(StepSpec(step.kind, step.params, {1: u8, 2: u8, 4: f32}.get(i)) for i, step in enumerate(steps))
    x = rng.uniform(-90, 200, (n, channels, *shape)).astype(np.float32)
    scale, shift, bias = rng.standard_normal((3, channels)).astype(np.float32)
    first = rng.integers(0, 256, x.shape).astype(np.uint8)
    second = rng.uniform(-40, 40, x.shape).astype(np.float32)
    tee = bytewise.room(u8, n)
    vectors = [Memory.of(pack_channels(v, lanes)) for v in (scale, shift, bias)]
    got = pass_through(target, x, y, specs, [*vectors[:2], bytewise.memory(first, u8), tee, bytewise.memory(second, f32), vectors[2]])
    expected, (middle,) = bytewise.after(x, steps, [scale, shift, first, second, bias])
    assert same(bytewise.values(tee, u8, n), bytewise.stored(middle, "u8"))
    assert same(got, bytewise.stored(expected, dtype))


@pytest.mark.parametrize("name", NAMES)
def test_steps_that_take_many_instructions_give_u8_too(name):
    target = parse_target(name)
    y = Geometry(21, target.lanes(), (1, 3, 5), dtype="u8")
    x = np.random.default_rng(4).uniform(-6, 6, (1, 21, 1, 3, 5)).astype(np.float32)
    got = pass_through(target, x, y, (StepSpec("sigmoid"), StepSpec("scale", (255.0, 0.0))))
    assert (abs(got - 255 / (1 + np.exp(-x.astype(np.float64)))) <= 0.5001).all()


@pytest.mark.parametrize("name", NAMES)
def test_dense_layers_store_u8_and_nothing_behind_a_row(name):
    target, rows, outputs = parse_target(name), 5, 21
    kernel = DenseKernel.plan(target, inputs=8, outputs=outputs, rows=rows, y_pitch=outputs + 3, y_dtype="u8", steps=(StepSpec("affine"),))
    rng = np.random.default_rng(6)
    x, w = rng.integers(-9, 10, (rows, 8)).astype(np.float32), rng.integers(-9, 10, (outputs, 8)).astype(np.float32)
    scale, shift = rng.uniform(0.1, 2, (2, outputs)).astype(np.float32)
    out = Memory(rows * (outputs + 3), "uint8")
    execute(kernel, target, [Memory.of(x), Memory.of(pack_dense(kernel, w)), out, *(Memory.of(pack_channels(v, target.lanes())) for v in (scale, shift))], 1)
    got = out.array.reshape(rows, -1)
    assert same(got[:, :outputs].copy(), bytewise.stored(x @ w.T * scale + shift, "u8"))
    assert (got[:, outputs:] == 255).all()
