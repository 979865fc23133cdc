"""How far int8 is from fp32: no farther than the roundings to eight bits come to.

    noise / signal  <=  sum over stored values of (s^2 / 12) / E[x^2]  +  sum over layers of 1 / (4 * 127^2)

A number rounded to a multiple of s is off by s^2 / 12 in the mean square. Weights are uniform up to 127 steps: of mean square 127^2 / 3, rounded by 1 / 12.
Layers of random weights without a mean, and rectifiers, pass signal and noise on alike, and errors of different roundings are independent, so the shares
add up; averages, in which noise shrinks and signal does not, only leave less of it.
"""

import numpy as np
import pytest

import ngc
from ngc.ir import evaluate
from ngc.passes.value_ranges import Quantization
from tests.quantization.networks import NETWORKS, images
from tests.quantization.programs import FORCED, fused, quantized


def signal_to_noise(found: np.ndarray, exact: np.ndarray) -> float:
    """Returns decibels."""
    return float(10 * np.log10(np.mean(exact.astype(np.float64)**2) / np.mean((found.astype(np.float64) - exact)**2)))


@pytest.mark.parametrize("name", NETWORKS)
def test_noise_is_that_of_eight_bits(name: str) -> None:
    graph = fused(NETWORKS[name]())
    x, seen = images(graph, 64), {}
    [exact] = evaluate(graph, {"data": x}, observe=lambda value, array: seen.update({value.name: array}))
    table = ngc.calibrate(NETWORKS[name](), [x], mode="naive")
    integral = quantized(graph, Quantization(table.ranges()))
    share, layers = 0.0, 0
    for node in integral:
        layers += node.op.startswith("conv") or node.op == "dense"
        if node.type.quant is not None and node.op not in ("concat", "reshape") and node.attrs.get("kind") != "max":
            for value in node.outputs:
                assert value.type.quant is not None
                original = seen[value.name.removesuffix(".u8")].astype(np.float64)
                share += max(value.type.quant.scale)**2 / 12 / np.mean(original**2)
    bound = -10 * np.log10(share + layers / (4 * 127**2))
    assert bound > 25, "the bound means something"
    for mode in ("naive", "mse"):
        options = ngc.QuantizationOptions(force=True, mode=mode)
        [found] = ngc.compile(NETWORKS[name](), precision="int8", calibration=table, quantization=options).run({"data": x})
        assert signal_to_noise(found, exact) >= bound


def test_the_bias_takes_out_what_rounded_weights_are_off_by_on_average() -> None:
    graph = NETWORKS["residual_v1"]()
    x = images(graph, 64)
    [exact] = ngc.compile(graph).run({"data": x})
    shifts = []
    for options in (FORCED, ngc.QuantizationOptions(force=True, bias_correction=False)):
        [found] = ngc.compile(graph, precision="int8", calibration=[x], quantization=options).run({"data": x})
        shifts.append(np.abs((found - exact).mean(axis=0)).mean())
    assert shifts[0] < shifts[1] / 2


def test_less_is_lost_where_less_is_quantized() -> None:
    graph = NETWORKS["residual_v1"]()
    x = images(graph, 64)
    [exact] = ngc.compile(graph).run({"data": x})
    table = ngc.calibrate(graph, [x])
    ratios = []
    for patterns in ((), ("fc",)):
        options = ngc.QuantizationOptions(force=True, exclude=patterns)
        ratios.append(signal_to_noise(ngc.compile(graph, precision="int8", calibration=table, quantization=options).run({"data": x})[0], exact))
    assert ratios[0] < ratios[1]
    nothing = ngc.QuantizationOptions(force=True, exclude=("*",))
    [found] = ngc.compile(graph, precision="int8", calibration=table, quantization=nothing).run({"data": x})
    np.testing.assert_allclose(found, exact, rtol=0, atol=2e-5 * np.abs(exact).max())
