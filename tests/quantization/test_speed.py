"""Which layers are told to be slower in int8."""

import numpy as np
import pytest

import ngc
from ngc.ir import Graph
from ngc.ir.random_data import random_feeds
from ngc.passes.value_ranges import Quantization
from ngc.quantization import speed
from ngc.quantization.analysis import Machine
from ngc.quantization.speed import slow_layers
from ngc.target import parse_target
from tests.passes.nets import Net
from tests.passes.quantized import measured, quantize


def network() -> Graph:
    """Returns two layers that read one input, and one that reads what the first stores."""
    net = Net()
    x = net.input(4, 6, 6)
    left, right = net.conv(x, 4, name="left"), net.conv(x, 4, name="right")
    return net.finish(net.conv(left, 4, name="last"), right)


def quantized() -> Graph:
    graph = network()
    return quantize(graph, random_feeds(graph, 3, 2))


FAST = {"left": 1.0, "right": 1.0, "last": 1.0, "data.u8": 0.0}
SLOW = {"left": 2.0, "right": 2.0, "last": 2.0}


def test_layers_that_gain_are_left_alone() -> None:
    assert slow_layers(quantized(), FAST, SLOW) == {}


def test_a_layer_that_loses_is_told_with_both_times() -> None:
    found = slow_layers(quantized(), {**FAST, "last": 2.5}, SLOW)
    assert found == {"last": "slower in int8 on this machine: 2.500 ms, 2.000 ms in f32"}


def test_noise_is_no_loss() -> None:
    assert slow_layers(quantized(), {**FAST, "last": 2.09}, SLOW) == {}


def test_readers_share_the_time_of_quantizing_their_data() -> None:
    assert slow_layers(quantized(), {**FAST, "data.u8": 2.0}, SLOW) == {}
    assert list(slow_layers(quantized(), {**FAST, "data.u8": 2.4}, SLOW)) == ["left", "right"]


def test_layers_in_f32_are_passed_over() -> None:
    graph = network()
    integers = quantize(graph, random_feeds(graph, 3, 2), exclude=("last",))
    assert slow_layers(integers, {**FAST, "last": 9.0}, SLOW) == {}


def test_measuring_adds_to_what_is_kept() -> None:
    graph = network()
    before = Quantization(measured(graph, random_feeds(graph, 3, 2)), force=True, keep={"right": "because"})
    after = speed.without_slow_layers(graph, before, Machine(parse_target("cpu"), 1))
    assert after.keep["right"] == "because"
    assert after.ranges is before.ranges


def test_tune_measures_unless_integers_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def recorded(graph: Graph, quantization: Quantization, machine: Machine) -> Quantization:
        calls.append(machine)
        return quantization

    monkeypatch.setattr("ngc.quantization.options.without_slow_layers", recorded)
    batches = [np.ones((1, 4, 6, 6), np.float32)]
    for tune, force in ((False, False), (True, True)):
        ngc.compile(network(), precision="int8", calibration=batches, tune=tune, quantization=ngc.QuantizationOptions(force=force))
    assert not calls
    ngc.compile(network(), precision="int8", calibration=batches, tune=True)
    assert len(calls) == 1
