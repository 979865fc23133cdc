"""Executables in int8: what they hold, that files keep it, and that every form of calibration leads to the same one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.errors import InputError
from ngc.ir import Graph
from tests.checkpoints import SHAPE, make_input, make_params, symbol_json, write_checkpoint
from tests.quantization.networks import NETWORKS, Network, images
from tests.quantization.programs import FORCED, TARGETS, calibrated, compiled

MORE = {"data": ("N", *SHAPE[1:])}


def wide() -> Graph:
    """Returns layers whose channels fill the vectors of all processors, so that packing pads nothing."""
    net = Network()
    x = net.layer(net.layer(net.input(64, 8, 8), 128, 3, name="a"), 64, 3, name="b")
    return net.finish(net.classes(net.pooled(x, "avg"), 64))


@pytest.mark.parametrize("target", TARGETS)
def test_weights_are_a_quarter(tmp_path: Path, target: str) -> None:
    graph, files = wide(), (tmp_path / "int8", tmp_path / "fp32")
    narrow = ngc.compile(graph, target=target, precision="int8", calibration=[images(graph, 2)], quantization=FORCED)
    full = ngc.compile(graph, target=target, numerics="exact")
    products, channels = 64 * 128 * 9 + 128 * 64 * 9 + 64 * 64, 128 + 64 + 64
    assert full.memory.weights == 4 * (products + channels), "weights and biases"
    # A scale and a shift for each channel; the first layer's data has a zero point, and so sums of weights to be subtracted.
    assert narrow.memory.weights == products + 8 * channels + 4 * 128
    for executable, path in zip((narrow, full), files, strict=True):
        executable.save(path)
    # Files have code too, of tens of kilobytes beside a megabyte of weights.
    assert files[0].stat().st_size < 0.3 * files[1].stat().st_size


@pytest.mark.parametrize("name", NETWORKS)
def test_files_keep_the_bits(tmp_path: Path, name: str) -> None:
    executable = compiled(name)
    x = images(executable.graph, 3, 5)
    executable.save(tmp_path / "model.ngc")
    loaded = ngc.load(tmp_path / "model.ngc")
    assert loaded.memory == executable.memory
    assert loaded.quantization == executable.quantization
    np.testing.assert_array_equal(loaded.run_poisoned({"data": x})[0], executable.run({"data": x})[0])
    assert str(loaded.graph) == str(executable.graph)


def test_every_form_of_calibration_gives_the_same_program(tmp_path: Path) -> None:
    prefix, batches = write_checkpoint(tmp_path), [make_input(4), make_input(3, 2)]
    table = ngc.calibrate(prefix, batches, shapes=MORE)
    table.save(tmp_path / "table.cal")
    forms: dict[str, Any] = {"batches": batches, "dictionaries": [{"data": batch} for batch in batches], "table": table,
                             "file": ngc.CalibrationTable.load(tmp_path / "table.cal"), "generator": iter(batches)}
    programs = {form: ngc.compile(prefix, shapes=MORE, precision="int8", calibration=given, quantization=FORCED) for form, given in forms.items()}
    wanted, x = programs["table"], make_input(2, 7)
    for form, executable in programs.items():
        np.testing.assert_array_equal(executable.program.weights, wanted.program.weights, err_msg=form)
        np.testing.assert_array_equal(executable.run({"data": x})[0], wanted.run({"data": x})[0], err_msg=form)
        assert str(executable.graph) == str(wanted.graph), form
    for fixed in (SHAPE, (1, *SHAPE[1:])):
        other = ngc.compile(prefix, shapes={"data": fixed}, precision="int8", calibration=table, quantization=FORCED)
        np.testing.assert_array_equal(other.run({"data": x[:fixed[0]]})[0], wanted.run({"data": x[:fixed[0]]})[0])


def test_other_data_gives_another_program(tmp_path: Path) -> None:
    prefix = write_checkpoint(tmp_path)
    first, second = (ngc.compile(prefix, shapes=MORE, precision="int8", calibration=[factor * make_input(4)], quantization=FORCED) for factor in (1, 3))
    assert (first.program.weights != second.program.weights).any()


def test_a_table_of_another_model_is_refused() -> None:
    table = ngc.calibrate(symbol_json(), [make_input(2)], make_params(seed=1), shapes=MORE)
    with pytest.raises(InputError) as raised:
        ngc.compile(symbol_json(), make_params(), shapes=MORE, precision="int8", calibration=table)
    own = ngc.calibrate(symbol_json(), [make_input(2)], make_params(), shapes=MORE)
    assert str(raised.value) == (f"the calibration table is of another model, or of the same with other parameters or passes: its fingerprint is "
                                 f"{table.fingerprint!r}, the model's {own.fingerprint!r}; calibrate again")


def test_ranges_of_names_that_the_model_does_not_have_are_refused() -> None:
    with pytest.raises(InputError) as raised:
        compiled("perceptron", calibration=ngc.CalibrationTable.from_ranges({"image": (0, 1)}))
    assert str(raised.value) == ("the calibration table has ranges of 'image' and knows no value of the model; its values are 'data', 'first', 'second' "
                                 "and others")


def test_no_batches_are_refused() -> None:
    with pytest.raises(InputError, match="there is no batch to calibrate with"):
        compiled("perceptron", calibration=[])


@pytest.mark.parametrize("mode", ["mse", "naive", "percentile", "entropy"])
def test_modes_choose_their_ranges(mode: str) -> None:
    executable = compiled("residual_v1", quantization=ngc.QuantizationOptions(force=True, mode=mode))
    ranges = calibrated("residual_v1").ranges(mode)
    first = executable.quantization[0]
    assert (first.low, first.high) == pytest.approx((ranges["data"].low, ranges["data"].high), abs=first.scale)
