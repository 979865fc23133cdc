"""The search for layers that must stay in f32, and what a budget is."""

from collections.abc import Iterator

import numpy as np
import pytest

import ngc
from ngc.calibration import calibrate
from ngc.errors import InputError
from ngc.ir import Graph, Step
from ngc.quantization.analysis import Comparison, compared_outputs
from ngc.quantization.budget import Budget
from tests.passes.nets import Net


def network() -> Graph:
    """Returns four layers, of which the second is bad at integers: one channel of its data is a thousand times as large as the others."""
    net = Net()
    scale = np.ones(8, np.float32)
    scale[3] = 1000
    x = net.op("conv2d", net.input(4, 8, 8), net.const("w1", 8, 4, 3, 3), net.b.const("s", scale), net.b.const("t", np.zeros(8, np.float32)),
               epilogue=(Step("affine"), Step("relu")), pad=(1, 1), name="first")
    weights = net.rng.uniform(-1, 1, (8, 8, 3, 3)).astype(np.float32)
    weights[:, 3] /= 1000
    y = net.op("conv2d", x, net.b.const("w2", weights), epilogue=(Step("relu"),), pad=(1, 1), name="second")
    z = net.op("conv2d", y, net.const("w3", 8, 8, 3, 3), epilogue=(Step("relu"),), name="third")
    flat = net.op("reshape", net.op("pool", z, kind="avg", kernel=(6, 6), stride=(1, 1), pad=(0, 0)), shape=(*z.type.shape[:1], 8))
    return net.finish(net.dense(flat, 10, name="last"))


@pytest.fixture
def batches() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal((8, 4, 8, 8)).astype(np.float32) for _ in range(3)]


def kept(executable: ngc.Executable) -> dict[str, str]:
    """Returns the layers in fp32 and why."""
    return {layer.node: layer.reason for layer in executable.quantization if layer.precision == "fp32"}


FORCED = ngc.QuantizationOptions(force=True)


def sqnr(executable: ngc.Executable, floats: ngc.Executable, batches: list[np.ndarray]) -> float:
    """Returns the signal-to-noise ratio of the answers in dB."""
    pairs = [(floats(batch), executable(batch)) for batch in batches]
    return float(10 * np.log10(sum((a**2).sum() for a, _ in pairs) / sum(((a - b) ** 2).sum() for a, b in pairs)))


def test_the_layers_that_cost_most_stay_in_f32(batches: list[np.ndarray]) -> None:
    floats = ngc.compile(network())
    plain = ngc.compile(network(), precision="int8", calibration=batches, quantization=FORCED)
    assert kept(plain) == {}
    least = sqnr(plain, floats, batches) + 6
    found = ngc.compile(network(), precision="int8", calibration=batches, accuracy_budget=least, quantization=FORCED)
    assert kept(found) == {"second": f"kept for an accuracy budget of {least:g} dB"}
    assert sqnr(found, floats, batches) >= least


def test_a_budget_that_holds_keeps_nothing(batches: list[np.ndarray]) -> None:
    options = ngc.QuantizationOptions(force=True, exclude=("second",))
    found = ngc.compile(network(), precision="int8", calibration=batches, accuracy_budget=0.5, quantization=options)
    assert kept(found) == {"second": "excluded by 'second'"}


def test_a_budget_that_nothing_holds_keeps_all(batches: list[np.ndarray]) -> None:
    found = ngc.compile(network(), precision="int8", calibration=batches, accuracy_budget=199, quantization=FORCED)
    assert list(kept(found)) == ["first", "second", "third", "last"]


def test_validation_data_may_be_other_than_calibration_data(batches: list[np.ndarray]) -> None:
    table = calibrate(network(), batches)
    options = ngc.QuantizationOptions(force=True, validation=batches)
    assert kept(ngc.compile(network(), precision="int8", calibration=table, accuracy_budget=199, quantization=options))
    with pytest.raises(InputError) as caught:
        ngc.compile(network(), precision="int8", calibration=table, accuracy_budget=199)
    assert str(caught.value).startswith("accuracy_budget needs data to measure with: calibrate by batches, or give QuantizationOptions(validation=batches)")


@pytest.mark.parametrize(("number", "budget"), [(0, Budget(loss=0.0)), (0.01, Budget(loss=0.01)), (1, Budget(sqnr=1.0)), (30.5, Budget(sqnr=30.5))])
def test_one_number_is_a_share_or_decibels(number: float, budget: Budget) -> None:
    assert Budget.of(number) == budget


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf"), "30", True])
def test_other_numbers_are_no_budget(number: object) -> None:
    with pytest.raises(InputError) as caught:
        Budget.of(number)  # type: ignore[arg-type]
    assert "accuracy_budget is the largest share of examples that may change their first choice, such as 0.01, or from 1 on" in str(caught.value)


def test_when_a_budget_holds() -> None:
    comparison = Comparison(("y", "z"), {"y": 1000.0, "z": 1000.0}, {"y": 1.0, "z": 10.0}, same=99, choices=10, examples=100)
    assert Budget(loss=0.01).holds(comparison)
    assert not Budget(loss=0.009).holds(comparison)
    assert Budget(sqnr=20).holds(comparison)
    assert not Budget(sqnr=20.1).holds(comparison), "the worst output counts"
    assert (str(Budget(loss=0.01)), str(Budget(sqnr=30.0))) == ("1.000% of first choices", "30 dB")


def test_noise_that_is_no_number_holds_no_budget() -> None:
    assert not Budget(sqnr=1).holds(Comparison(("y",), {"y": 1.0}, {"y": float("nan")}, examples=1))


def test_one_element_gives_no_choice() -> None:
    with pytest.raises(InputError, match="accuracy_budget below 1 counts first choices, and the first output of an example has 1 element; give the smallest"):
        Budget(loss=0.01).holds(Comparison(("y",), {"y": 1.0}, {"y": 0.0}, same=1, choices=1, examples=1))


def test_outputs_that_are_inputs_tell_nothing() -> None:
    net = Net()
    x = net.input(4, 5, 5)
    graph = net.finish(x, net.conv(x, 3, name="layer"))
    batches = [np.ones((1, 4, 5, 5), np.float32)]
    assert kept(ngc.compile(graph, precision="int8", calibration=batches, accuracy_budget=10, quantization=FORCED)) == {}
    with pytest.raises(InputError, match="the model returns its inputs as they are: there is nothing to compare"):
        compared_outputs(Net().finish())


def test_integer_outputs_do_not_wrap() -> None:
    comparison = Comparison()
    comparison.add("y", np.array([3], np.uint8), np.array([5], np.uint8))
    assert comparison.noise == {"y": 4.0}


def test_loaders_may_fill_the_same_array_again() -> None:
    def loader() -> Iterator[np.ndarray]:
        array = np.empty((4, 4, 8, 8), np.float32)
        for scale in (1.0, 100.0, 0.1):
            array[:] = np.random.default_rng(1).standard_normal(array.shape) * scale
            yield array

    found = [ngc.compile(network(), precision="int8", calibration=loader(), accuracy_budget=budget, quantization=FORCED).quantization[0].scale
             for budget in (None, 1.0)]
    assert found[0] == found[1]
