"""Requantization where it is hardest: halves that must go to the even integer, and numbers that a fused multiply-add would round to others."""

import numpy as np
import pytest
from numpy.typing import NDArray

import ngc
from ngc.calibration import CalibrationTable
from ngc.codegen.llvm.build import build_program
from ngc.ir import Graph, GraphBuilder, Step, Value, evaluate
from ngc.passes import PassContext, PassManager
from ngc.passes.value_ranges import Quantization
from ngc.runtime import Executable
from ngc.target import parse_target
from tests.passes.nets import Net
from tests.quantization.programs import TARGETS, fused, quantized

WIDTH, HEIGHT, OUTPUTS = 256, 128, 64

SUMS = 127 * np.arange(HEIGHT)[:, None] + np.arange(WIDTH)
"""What the weights (127, 1) make of an image whose pixels are all pairs of numbers below 128 and 256: integers up to 16384."""


def separate(x: NDArray[np.float32], factor: NDArray[np.float32] | np.float32, addend: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """Returns a product and a sum, each rounded to f32."""
    return x * factor + addend


def fused_multiply_add(x: NDArray[np.float32], factor: NDArray[np.float32] | np.float32, addend: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """Returns a product and a sum rounded once; f64 holds the product exactly, so that the sum alone is rounded to it first."""
    return (x.astype(np.float64) * np.asarray(factor, np.float64) + np.asarray(addend, np.float64)).astype(np.float32)


def integers(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def check(graph: Graph, feeds: dict[str, np.ndarray], target: str) -> list[np.ndarray]:
    """Returns what the compiled graph gives, after comparing it with the reference."""
    wanted, described = evaluate(graph, feeds), parse_target(target)
    PassManager("assign-layout").run(graph, PassContext(target=described))
    results = Executable(build_program(graph, described), graph, 2).run_poisoned(feeds)
    for got, want in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(got, want)
    return results


def start() -> tuple[GraphBuilder, Value, np.ndarray]:
    """Returns a builder with the convolution's data, as u8, and that data."""
    b = GraphBuilder()
    b.graph.stage = "quantized"
    data = np.stack(np.broadcast_arrays(np.arange(HEIGHT, dtype=np.uint8)[:, None], np.arange(WIDTH, dtype=np.uint8)))[None]
    return b, b.input("data", (1, 2, HEIGHT, WIDTH), "u8"), data


def layer(b: GraphBuilder, x: Value, *operands: Value, steps: tuple[Step, ...]) -> Value:
    """Appends a convolution that gives `SUMS` for every output channel before its steps."""
    weights = b.const("w", np.tile(np.array([127, 1], np.int8).reshape(1, 2, 1, 1), (OUTPUTS, 1, 1, 1)))
    return b.op("conv2d", x, weights, *operands, epilogue=steps, result="u8", scales=(1.0,), zero_points=(0,))


@pytest.mark.parametrize("target", TARGETS)
def test_sums_that_a_fused_multiply_add_would_round_to_another_integer(target: str) -> None:
    rng = np.random.default_rng(0)
    factor = rng.uniform(0.5, 1, OUTPUTS).astype(np.float32) * np.float32(255 / SUMS.max())
    addend = rng.uniform(0, 20, OUTPUTS).astype(np.float32)
    sums = SUMS.astype(np.float32)[None]
    columns = factor[:, None, None], addend[:, None, None]
    apart, together = integers(separate(sums, *columns)), integers(fused_multiply_add(sums, *columns))
    assert np.count_nonzero(apart != together) >= 4, "the data tells both apart"
    b, x, data = start()
    [got] = check(b.finish([layer(b, x, b.const("f", factor), b.const("a", addend), steps=(Step("affine"),))]), {"data": data}, target)
    np.testing.assert_array_equal(got[0], apart)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["u8", "f32"])
def test_residuals_that_a_fused_multiply_add_would_round_to_another_integer(target: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    factor, sums = np.float32(0.3141592), SUMS.astype(np.float32)
    shift = rng.uniform(0, 9, OUTPUTS).astype(np.float32)
    start_of_sum = separate(sums, np.float32(2**-7), shift[:, None, None])
    if dtype == "u8":
        residual = rng.integers(0, 256, start_of_sum.shape).astype(np.uint8)
    else:
        residual = (np.floor(start_of_sum) + np.float32(40.5) - start_of_sum) / factor
    wide = residual.astype(np.float32)
    apart, together = integers(separate(wide, factor, start_of_sum)), integers(fused_multiply_add(wide, factor, start_of_sum))
    assert np.count_nonzero(apart != together) >= 4, "the data tells both apart"
    b, x, data = start()
    y = b.input("residual", (1, OUTPUTS, HEIGHT, WIDTH), dtype)
    one = b.const("one", np.full(OUTPUTS, 2**-7, np.float32))
    result = layer(b, x, one, b.const("shift", shift), y, steps=(Step("affine"), Step("add_scaled", (float(factor),))))
    [got] = check(b.finish([result]), {"data": data, "residual": residual[None]}, target)
    np.testing.assert_array_equal(got[0], apart)


@pytest.mark.parametrize("target", TARGETS)
def test_floats_that_a_fused_multiply_add_would_round_to_another_integer(target: str) -> None:
    factor, zero = np.float32(1 / 0.0237), np.float32(111)
    middles = (np.arange(256, dtype=np.float32) + np.float32(0.5) - zero) / factor
    neighbours = middles.view(np.int32)[:, None] + np.arange(-16, 16, dtype=np.int32)
    x = np.tile(neighbours.view(np.float32).reshape(1, 1, 256, 32), (1, 20, 1, 1))
    apart, together = integers(separate(x, factor, zero)), integers(fused_multiply_add(x, factor, zero))
    assert np.count_nonzero(apart != together) >= 4, "the data tells both apart"
    b = GraphBuilder()
    b.graph.stage = "quantized"
    data = b.input("data", x.shape)
    y = b.op("eltwise", data, epilogue=(Step("scale", (float(factor), float(zero))),), result="u8", scales=(0.0237,), zero_points=(int(zero),))
    blocked = b.op("pool", y, kind="max", kernel=(1, 1), stride=(1, 1), pad=(0, 0))
    for got in check(b.finish([y, blocked]), {"data": x}, target):
        np.testing.assert_array_equal(got, apart)


def halves() -> tuple[Graph, CalibrationTable, dict[str, np.ndarray]]:
    """Returns layers whose scales are powers of two, so that a good part of all sums lies in the middle of two integers.

    The weights of each output are at most 127, which one of them is: that of the first channel, which is all zeros.
    """
    net = Net()

    def weights(name: str, *shape: int) -> Value:
        array = net.rng.integers(-12, 13, shape).astype(np.float32)
        array[0] = 0
        array.reshape(shape[0], -1)[:, 0] = 127
        return net.b.const(name, array)

    x = net.op("relu", net.conv(net.input(4, 8, 8), 20, 3, weights=weights("w1", 20, 4, 3, 3), name="first", pad=1))
    y = net.op("add", net.conv(x, 20, weights=weights("w2", 20, 20, 1, 1), name="second"), x)
    z = net.op("pool", net.conv(y, 8, weights=weights("w3", 8, 20, 1, 1), name="third"), kind="avg", kernel=(2, 2), stride=(2, 2), pad=(0, 0))
    graph = fused(net.finish(net.conv(z, 8, weights=weights("w4", 8, 8, 1, 1), name="last")))
    data = net.rng.integers(-64, 64, (3, 4, 8, 8)).astype(np.float32) + np.float32(0.5)
    data[:, 0] = 0
    names = [value.name for node in graph.nodes if node.op != "const" for value in node.outputs]
    ranges = {name: (-128.0 * 2**exponent, 127.0 * 2**exponent) for name, exponent in zip(names, (4, 8, 13, 13, 17), strict=True)}
    return graph, CalibrationTable.from_ranges({"data": (-128, 127), **ranges}), {"data": data}


def test_halves_go_to_even_integers() -> None:
    graph, table, feeds = halves()
    integral = quantized(graph, Quantization(table.ranges(), bias_correction=False))
    seen: dict[str, np.ndarray] = {}
    [wanted] = evaluate(integral, feeds, observe=lambda value, array: seen.update({value.name: array}))
    for value in integral.values():
        if value.type.dtype == "u8":
            assert value.type.quant is not None
            assert np.log2(value.type.quant.scale[0]) % 1 == 0, f"%{value.name} has a scale of a power of two"
            assert value.producer is not None
            node = value.producer
            operands = [seen[operand.name] for operand in node.inputs]
            [unrounded] = node.definition.evaluate_arrays(operands, {**node.attrs, "result": "f32"}, None)
            assert np.mean(unrounded % 1 == 0.5) > 0.01, f"%{value.name} has halves"
    for target in TARGETS:
        options = ngc.QuantizationOptions(force=True, bias_correction=False)
        [got] = ngc.compile(graph, precision="int8", calibration=table, target=target, quantization=options, numerics="exact").run_poisoned(feeds)
        np.testing.assert_array_equal(got, wanted)
