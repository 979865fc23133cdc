"""What the report of a quantized model says."""

import json

import numpy as np
import pytest

import ngc
from ngc.errors import InputError
from ngc.quantization.analysis import MOST_DECIBELS, decibels
from tests.quantization.test_budget import FORCED, network


@pytest.fixture(scope="module")
def report() -> ngc.QuantizationReport:
    rng = np.random.default_rng(5)
    batches = [rng.standard_normal((8, 4, 8, 8)).astype(np.float32) for _ in range(2)]
    options = ngc.QuantizationOptions(force=True, exclude=("third",))
    return ngc.analyze_quantization(network(), batches, quantization=options)


def test_every_layer_has_its_line(report: ngc.QuantizationReport) -> None:
    assert [item.layer.node for item in report.layers] == ["first", "second", "third", "last"]
    assert [item.layer.precision for item in report.layers] == ["int8", "int8", "fp32", "int8"]
    third = report.layers[2]
    assert third.layer.reason == "excluded by 'third'"
    assert third.layer.scale is third.layer.low is third.layer.high is third.layer.zero_point is third.int8_ms is None
    for item in report.layers:
        assert item.fp32_ms is not None
        assert item.sqnr is not None
    first = report.layers[0].layer
    assert first.low is not None
    assert first.low < 0 < first.zero_point
    assert first.high - first.low == pytest.approx(255 * first.scale)


def test_outputs_are_compared(report: ngc.QuantizationReport) -> None:
    assert report.examples == 16
    assert (report.agreement * 16).is_integer()
    assert report.sqnr == report.layers[-1].sqnr


def test_noise_grows_where_the_channels_of_data_differ_most(report: ngc.QuantizationReport) -> None:
    assert max(report.layers, key=lambda item: item.noise).layer.node == "second"


def test_the_table_has_all_layers(report: ngc.QuantizationReport) -> None:
    text = report.table()
    for word in ("first", "second", "third", "last", "multiplies int8", "excluded by 'third'", "SQNR", "same first choice"):
        assert word in text


def test_json_holds_everything(report: ngc.QuantizationReport) -> None:
    found = json.loads(report.to_json())
    assert [item["layer"]["node"] for item in found["layers"]] == ["first", "second", "third", "last"]
    assert found["examples"] == 16


def test_no_data_is_an_error() -> None:
    table = ngc.calibrate(network(), [np.zeros((1, 4, 8, 8), np.float32)])
    with pytest.raises(InputError, match="there is no batch to measure the accuracy of int8 with"):
        ngc.analyze_quantization(network(), [], calibration=table, quantization=FORCED)


def test_decibels() -> None:
    assert decibels(1e-3) == pytest.approx(30)
    assert decibels(0.0) == MOST_DECIBELS


def test_the_limit_is_for_measuring_not_for_calibration() -> None:
    batches = [np.full((1, 4, 8, 8), value, np.float32) for value in (1.0, 5.0)]
    report = ngc.analyze_quantization(network(), batches, limit=1, quantization=FORCED)
    assert report.examples == 1
    assert report.layers[0].layer.high == pytest.approx(5.0)
