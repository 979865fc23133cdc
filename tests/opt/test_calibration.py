"""ngc-opt quantizes by calibration tables: as ngc.compile does, in one go or pass by pass through text."""

from pathlib import Path

import pytest

import ngc
from ngc.passes.registry import QUANTIZABLE, QUANTIZED_REST
from tests.checkpoints import SHAPE, make_input, write_checkpoint
from tests.opt.test_main import run

TARGET = "cpu:znver4"
"""A processor that multiplies bytes; no code of it runs here."""

SHAPES = {"data": ("N", *SHAPE[1:])}
ANY_BATCH = "data=N," + ",".join(map(str, SHAPE[1:]))


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return write_checkpoint(tmp_path)


@pytest.fixture
def table(prefix: str, tmp_path: Path) -> Path:
    path = tmp_path / "table.calib"
    ngc.calibrate(prefix, [make_input(8)], shapes=SHAPES).save(path)
    return path


def test_a_model_is_quantized_as_by_compile(prefix: str, table: Path, tmp_path: Path) -> None:
    options = ngc.QuantizationOptions(force=True)
    wanted = ngc.compile(prefix, shapes=SHAPES, precision="int8", calibration=ngc.CalibrationTable.load(table), quantization=options, cache=False)
    out = tmp_path / "out.ngir"
    assert run(prefix, "--shape", ANY_BATCH, "-p", "@cpu-int8", "--calibration", table, "--target", TARGET, "-o", out) == 0
    computed = [[node for node in graph.nodes if node.op != "const"] for graph in (wanted.graph, ngc.parse(out.read_text()))]
    assert [(node.op, node.name, dict(node.attrs)) for node in computed[0]] == [(node.op, node.name, dict(node.attrs)) for node in computed[1]]
    assert [node.type.quant for node in computed[0]] == [node.type.quant for node in computed[1]]
    assert any(node.type.dtype == "u8" for node in computed[1])


def test_passes_one_after_another_do_the_same(prefix: str, table: Path, tmp_path: Path) -> None:
    fused, weights, steps, whole = (tmp_path / name for name in ("fused.ngir", "fused.npz", "steps.ngir", "whole.ngir"))
    assert run(prefix, "--shape", ANY_BATCH, "-p", QUANTIZABLE, "-o", fused, "--save-weights", weights) == 0
    assert run(fused, "--weights", weights, "-p", f"quantize,{QUANTIZED_REST}", "--calibration", table, "--target", TARGET, "-o", steps) == 0
    assert run(prefix, "--shape", ANY_BATCH, "-p", "@cpu-int8", "--calibration", table, "--target", TARGET, "-o", whole) == 0
    assert steps.read_text() == whole.read_text()


def test_a_table_of_another_model_is_refused(prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ngc.CalibrationTable("another").save(tmp_path / "other.calib")
    assert run(prefix, "--shape", ANY_BATCH, "-p", "@cpu-int8", "--calibration", tmp_path / "other.calib", "--target", TARGET) == 1
    assert capsys.readouterr().err.startswith("ngc-opt: error: the calibration table is of another model, or of the same with other parameters or passes: ")
