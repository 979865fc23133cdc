"""`ngc.compile` for TensorRT, from a checkpoint to an artifact: engines for GPUs that are not here, and what a machine without one says."""

from pathlib import Path

import numpy as np
import pytest

import ngc
from ngc.cli import main
from ngc.engines import EngineOptions
from ngc.errors import EngineError, InputError
from ngc.passes import PassManager
from tests.checkpoints import SHAPE, make_input, write_checkpoint
from tests.test_engine_targets import make_partly_supported

pytest.importorskip("tensorrt_rtx")
pytest.importorskip("onnx")

TARGET = "tensorrt-rtx:sm86,sm89"
HELD = r"the TensorRT for RTX engine TensorRT0 \(for sm86, sm89\) cannot run here: "


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def has_gpu() -> bool:
    from ngc.runtime.engines.cuda import CudaDevice

    try:
        CudaDevice.open()
    except EngineError:
        return False
    return True


without_gpu = pytest.mark.skipif(has_gpu(), reason="there is a GPU")


@without_gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_checkpoint_becomes_an_engine_and_an_artifact(prefix: str, precision: str, tmp_path: Path) -> None:
    calibration = [{"data": make_input(seed=seed)} for seed in range(3)] if precision == "int8" else None
    executable = ngc.compile(prefix, shapes={"data": SHAPE}, target=TARGET, precision=precision, calibration=calibration)
    assert executable.graph.count() == {"engine.call": 1}
    [image] = executable.engines
    assert image.facts["capabilities"] == ["sm86", "sm89"]
    assert (image.facts["precision"], image.facts["provider"]) == (precision, "tensorrt-rtx")
    assert (image.facts["inspected"]["kinds"].get("quantize", 0) > 0) == (precision == "int8")
    with pytest.raises(EngineError, match=HELD):
        executable.run({"data": make_input()})
    executable.save(tmp_path / "model.ngc")
    with pytest.raises(EngineError, match=rf"model\.ngc cannot run on this machine: {HELD}"):
        ngc.load(tmp_path / "model.ngc")


@without_gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_what_tensorrt_lacks_stays_on_the_cpu(precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = make_partly_supported()
    calibration = [{"data": np.random.default_rng(seed).normal(size=(2, 3, 8, 8)).astype(np.float32)} for seed in range(2)]
    executable = ngc.compile(graph, target=TARGET, precision=precision, calibration=calibration if precision == "int8" else None, fallback="reference")
    assert [node.op for node in executable.graph.nodes if node.op in ("engine.call", "gamma")] == ["engine.call", "gamma", "engine.call"]
    assert [image.name for image in executable.engines] == ["TensorRT0", "TensorRT1"]
    executable.save(tmp_path / "model.ngc")
    assert main(["info", str(tmp_path / "model.ngc")]) == 0
    out = capsys.readouterr().out
    assert "TensorRT0 for tensorrt-rtx: engine " in out
    assert "TensorRT1 for tensorrt-rtx: engine " in out


def test_a_saved_calibration_table_serves_the_engine(prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    batches = [{"data": make_input(seed=seed)} for seed in range(3)]
    table = ngc.calibrate(prefix, batches, shapes={"data": SHAPE})
    by_table, by_batches = (ngc.compile(prefix, shapes={"data": SHAPE}, target=TARGET, precision="int8", calibration=calibration)
                            for calibration in (table, batches))
    assert str(by_table.graph) == str(by_batches.graph)
    layers = {layer.sources[0]: layer for layer in by_table.quantization}
    assert {name: layer.precision for name, layer in layers.items()} == {"conv": "int8", "fc": "int8"}
    assert layers["conv"].zero_point == 0
    assert layers["conv"].scale == pytest.approx(-layers["conv"].low / 128)
    left_out = ngc.compile(prefix, shapes={"data": SHAPE}, target=TARGET, precision="int8", calibration=table,
                           quantization=ngc.QuantizationOptions(exclude=("conv", "fc")))
    assert "quantize" not in left_out.graph.nodes[0].regions[0].count()
    assert "no layer multiplies int8: all 2 stay in fp32" in caplog.text
    with pytest.raises(InputError, match="cannot exclude: 'conv9' matches nothing; did you mean 'conv'"):
        ngc.compile(prefix, shapes={"data": SHAPE}, target=TARGET, precision="int8", calibration=table, quantization=ngc.QuantizationOptions(exclude="conv9"))


def test_a_divided_int8_graph_is_compiled_again_as_it_was(prefix: str) -> None:
    first = ngc.compile(prefix, shapes={"data": SHAPE}, target=TARGET, precision="int8", calibration=[{"data": make_input()}])
    region = first.graph.nodes[0].regions[0]
    before = region.count()
    PassManager("optimize-regions{precision=int8}").run(first.graph)
    assert region.count() == before


def test_a_batch_of_any_size_has_a_profile(prefix: str) -> None:
    executable = ngc.compile(prefix, shapes={"data": ("N", *SHAPE[1:])}, target=TARGET, engine=EngineOptions(batch=(1, 4, 8)))
    assert executable.engines[0].facts["batch"] == [1, 4, 8]
    assert executable.inputs[0].shape == ("N", *SHAPE[1:])


def test_capabilities_that_tensorrt_does_not_know(prefix: str) -> None:
    with pytest.raises(EngineError, match="sm10"):
        ngc.compile(prefix, shapes={"data": SHAPE}, target="tensorrt-rtx:sm10")


@without_gpu
def test_the_gpu_at_hand_is_missing(prefix: str) -> None:
    with pytest.raises(EngineError, match="builds TensorRT0 for the GPU at hand and finds none"):
        ngc.compile(prefix, shapes={"data": SHAPE}, target="tensorrt-rtx")


def test_a_mode_that_measures_the_cpu(prefix: str) -> None:
    with pytest.raises(InputError, match="accuracy_budget is kept by measuring the CPU's int8"):
        ngc.compile(prefix, shapes={"data": SHAPE}, target=TARGET, precision="int8", calibration=[], accuracy_budget=40.0)
