"""Tests of the worker processes: what is asked of an engine and what it answers. How fast it is, is no test's business."""

import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.engines import ENGINES, Job, NotOffered, default_engines, interpreter
from bench.engines import ngc as ngc_engine
from bench.engines.process import Worker, WorkerFailed
from bench.engines.worker import measure
from bench.measures import relative_error
from bench.models import Case, Result, table
from ngc.target import parse_target
from tests import checkpoints


def job(folder: Path, engine: str, precision: str = "fp32") -> Job:
    x = checkpoints.make_input()
    np.savez(folder / "x.npz", data=x)
    return Job(engine, checkpoints.write_checkpoint(folder), str(folder / "none.onnx"), {"data": x.shape}, str(folder / "x.npz"), precision, 1,
               (min(os.sched_getaffinity(0)),))


def need(engine: str) -> None:
    """Skips the test where the engine is not installed."""
    if find_spec(engine) is None and interpreter(engine) == sys.executable:
        pytest.skip(f"{engine} is not installed")


@pytest.mark.parametrize("engine", ["ngc", "mxnet", "torch"])
def test_a_worker_answers_and_measures(tmp_path, engine):
    need(engine)
    with Worker(job(tmp_path, engine), tmp_path / "log") as worker:
        # Sums of up to 27 products in fp32, then a softmax: a few units in the last place.
        assert relative_error(worker.answers[0], checkpoints.reference(checkpoints.make_input())) < 1e-5
        times = worker.round(0.01)
        assert times
        assert min(times) > 0
        assert worker.peak_rss_mb > 0
        assert worker.compile_s > 0


@pytest.mark.parametrize("engine", ["mxnet", "onnxruntime", "openvino", "torch"])
def test_a_precision_that_an_engine_lacks_is_refused(tmp_path, engine):
    need(engine)
    with pytest.raises(NotOffered, match=f"^{engine} is compared in fp32 .*only, not in fp16$"):
        Worker(job(tmp_path, engine, precision="fp16"), tmp_path / "log")


def test_a_precision_that_ngc_lacks_is_refused_in_its_words(tmp_path, monkeypatch):
    monkeypatch.setattr("ngc.driver.parse_target", lambda name: parse_target("cpu:x86-64-v3"))
    with pytest.raises(NotOffered, match=r"^precision 'bf16' needs a processor with AVX512-BF16"):
        ngc_engine.compile_model(job(tmp_path, "ngc", precision="bf16"))


def test_what_torch_needs_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("NGC_BENCH_TORCH_PYTHON", raising=False)
    if find_spec("torch") is None:
        with pytest.raises(NotOffered, match=r"^No module named 'torch'; `pip install ngc\[torch\]` installs it, here or in .* NGC_BENCH_TORCH_PYTHON names$"):
            Worker(job(tmp_path, "torch"), tmp_path / "log")
    else:
        monkeypatch.setenv("CXX", "no-compiler")
        with pytest.raises(NotOffered, match=r"^torch\.compile needs a C\+\+ compiler, and there is no no-compiler; install g\+\+, or name another in CXX$"):
            Worker(job(tmp_path, "torch"), tmp_path / "log")


def test_torch_is_compared_where_it_is_there(monkeypatch):
    monkeypatch.delenv("NGC_BENCH_TORCH_PYTHON", raising=False)
    assert default_engines() == [name for name in ENGINES if name != "torch" or find_spec("torch")]
    monkeypatch.setenv("NGC_BENCH_TORCH_PYTHON", "/elsewhere/python")
    assert default_engines() == list(ENGINES)
    assert interpreter("torch") == "/elsewhere/python"
    assert interpreter("ngc") == sys.executable


def write_onnx(path: Path) -> None:
    """Writes a model of a single relu."""
    onnx = pytest.importorskip("onnx")
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, checkpoints.SHAPE) for name in ("data", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["data"], ["y"])], "g", value[:1], value[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8), path)


@pytest.mark.parametrize("engine", ["ngc", "onnxruntime", "openvino"])
def test_a_saved_model_is_loaded_by_another_process(tmp_path, engine):
    need(engine)
    write_onnx(tmp_path / "none.onnx")
    with Worker(job(tmp_path, engine), tmp_path / "log") as worker:
        assert worker.save(tmp_path / "model")
    from_file = replace(worker.job, artifact=str(tmp_path / "model"), prefix="gone", onnx="gone")
    with Worker(from_file, tmp_path / "log") as loaded:
        np.testing.assert_array_equal(loaded.answers[0], worker.answers[0])
        assert loaded.round(0.0)


@pytest.mark.parametrize("engine", ["ngc", "mxnet"])
def test_a_worker_answers_on_many_images(tmp_path, engine):
    need(engine)
    images = np.random.default_rng(0).normal(size=(5, *checkpoints.SHAPE[1:])).astype(np.float32)  # two batches and a half
    np.save(tmp_path / "images.npy", images)
    with Worker(job(tmp_path, engine), tmp_path / "log") as worker:
        outputs = worker.outputs(tmp_path / "images.npy")
    # Sums of up to 27 products in fp32, then a softmax: a few units in the last place.
    assert relative_error(outputs, checkpoints.reference(images)) < 1e-5


def test_an_engine_that_saves_nothing_says_so(tmp_path):
    need("mxnet")
    with Worker(job(tmp_path, "mxnet"), tmp_path / "log") as worker:
        assert not worker.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_worker_that_fails_shows_the_end_of_its_log(tmp_path):
    broken = job(tmp_path, "ngc")
    Path(f"{broken.prefix}-0000.params").write_bytes(b"")
    with pytest.raises(WorkerFailed, match=r"(?s)ngc ended with status 1:.*ImportFailure"):
        Worker(broken, tmp_path / "log")


def test_every_engine_offers_a_setting():
    from importlib import import_module

    for name, module in ENGINES.items():
        for threads in (1, 2):
            assert import_module(module).environments(Job(name, "", "", {"data": (1,)}, "", "fp32", threads, (0,)))


def test_a_round_leaves_out_its_first_third_and_holds_three_runs():
    calls = []
    times = measure(lambda: calls.append(1), 0.0)
    assert len(calls) == 3
    assert 1 <= len(times) <= 3


def test_a_last_run_that_takes_most_of_the_round_counts(monkeypatch):
    clock, lengths = [0.0], iter([1.0, 1.0, 10.0])
    monkeypatch.setattr("bench.engines.worker.time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def run() -> None:
        clock[0] += next(lengths)

    assert measure(run, 0.0) == [10000.0]


def result(engine: str, median: float) -> Result:
    return Result("resnet18_v1", engine, "1", "fp32", 1, 1, median, median, median, 5, 1e-6, 1.0, 100.0)


def test_the_table_ends_with_the_best_peer_and_its_ratio():
    rows = table([result("ngc", 2.0), result("mxnet", 5.0), result("openvino", 3.0)])
    cells = [list(column.cells) for column in rows.columns]
    assert [column[-1] for column in cells[:2]] == ["resnet18_v1", "best peer: openvino"]
    assert cells[6][-1] == "1.50x ngc"


def test_a_case_is_told_apart_by_its_threads():
    assert Case("a", "fp32", 1, 1) != Case("a", "fp32", 2, 1)
