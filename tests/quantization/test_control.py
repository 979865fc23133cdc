"""That the options of a compilation hold for what int8 runs on the way: calibration, trials of a budget, measuring."""

import logging

import numpy as np
import pytest

import ngc
from ngc.codegen.llvm import lower
from ngc.errors import CodegenError, InputError
from ngc.ir import Graph
from ngc.quantization.analysis import Machine
from tests.passes.nets import Net
from tests.quantization.test_budget import FORCED, network


def gated() -> Graph:
    """Returns two layers with a softmax between them."""
    net = Net()
    soft = net.op("softmax", net.conv(net.input(4, 6, 6), 4, name="first"), axis=1, name="soft")
    return net.finish(net.conv(soft, 3, name="last"))


@pytest.fixture
def without_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: handler for name, handler in lower.handlers().items() if name != "softmax"}
    monkeypatch.setattr(lower, "handlers", lambda: known)


BATCHES = [np.random.default_rng(4).standard_normal((2, 4, 6, 6)).astype(np.float32)]


def test_calibration_and_budgets_run_operators_without_kernels_in_numpy_too(without_softmax: None) -> None:
    found = ngc.compile(gated(), precision="int8", calibration=BATCHES, accuracy_budget=10, fallback="reference", quantization=FORCED)
    assert [layer.precision for layer in found.quantization] == ["int8", "int8"]
    with pytest.raises(CodegenError, match="softmax has no kernel"):
        ngc.compile(gated(), precision="int8", calibration=BATCHES, quantization=FORCED)


def test_trials_compute_as_the_executable_will(monkeypatch: pytest.MonkeyPatch) -> None:
    machines: list[Machine] = []
    build = Machine.build

    def recorded(machine: Machine, graph: Graph) -> ngc.Executable:
        machines.append(machine)
        return build(machine, graph)

    monkeypatch.setattr(Machine, "build", recorded)
    batches = [np.random.default_rng(4).standard_normal((2, 4, 8, 8)).astype(np.float32)]
    ngc.compile(network(), precision="int8", calibration=batches, accuracy_budget=5, numerics="exact", threads=1, cache=False, quantization=FORCED)
    assert machines
    assert {(machine.numerics, machine.threads, machine.cache) for machine in machines} == {("exact", 1, False)}


def test_a_model_that_stays_in_f32_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="ngc"):
        ngc.compile(gated(), precision="int8", calibration=BATCHES, quantization=ngc.QuantizationOptions(exclude="op:Convolution"))
    assert "no layer multiplies int8: all 2 stay in fp32, 2 of them because excluded by 'op:Convolution'" in caplog.text


def test_a_pass_that_is_switched_off_is_told_of(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_DISABLE_PASSES", "quantize")
    with caplog.at_level(logging.WARNING, logger="ngc"):
        found = ngc.compile(gated(), precision="int8", calibration=BATCHES, quantization=FORCED)
    assert caplog.messages == ["the pass quantize is switched off: nothing is int8"]
    assert found.quantization == ()


def test_options_are_options() -> None:
    with pytest.raises(InputError, match=r"quantization takes ngc\.QuantizationOptions, not dict"):
        ngc.compile(gated(), precision="int8", calibration=BATCHES, quantization={"force": True})  # type: ignore[arg-type]


def test_one_pattern_needs_no_tuple() -> None:
    assert ngc.QuantizationOptions(exclude="first").patterns == ("first",)


def test_a_table_may_be_named_by_its_path(tmp_path: object) -> None:
    path = f"{tmp_path}/model.calib"
    table = ngc.calibrate(gated(), BATCHES)
    table.save(path)
    x = {"data": BATCHES[0]}
    found, wanted = (ngc.compile(gated(), precision="int8", calibration=calibration, quantization=FORCED).run(x)[0] for calibration in (path, table))
    np.testing.assert_array_equal(found, wanted)


def test_ranges_that_a_model_carries_follow_their_values_through_fusion() -> None:
    net = Net()
    x = net.op("relu", net.batch_norm(net.conv(net.input(4, 8, 8), 8, 3, name="conv1"), name="bn1"), name="relu1")
    graph = net.finish(net.conv(x, 8, 3, name="conv2"))
    graph.ranges.update({"data": (-3.0, 3.0), "relu1": (0.0, 5.1)})
    layers = ngc.compile(graph, quantization=FORCED).quantization
    assert [layer.precision for layer in layers] == ["int8", "int8"]
    assert (layers[1].low, layers[1].high) == (0.0, pytest.approx(5.1))
