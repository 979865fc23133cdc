"""Tests of how the peers' int8 models are made and kept."""

import os
import shutil
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench import quantizers
from bench.engines import Job, NotOffered
from bench.engines.process import Worker, WorkerFailed
from bench.measures import sqnr_db
from bench.quantizers import QUANTIZERS, __main__, quantize_all, quantized
from examples.digits_data import held_out_digits
from examples.digits_network import KEPT

SHAPE = (2, 1, 8, 8)
NEEDS = {"mxnet": ("mxnet",), "onnxruntime": ("onnx", "onnxruntime", "ml_dtypes"), "openvino": ("nncf", "openvino")}


def job(engine: str, precision: str = "int8", **paths: str) -> Job:
    return Job(engine, paths.pop("prefix", "net"), paths.pop("onnx", "net.onnx"), {"data": SHAPE}, paths.pop("input", ""), precision, 1,
               (min(os.sched_getaffinity(0)),), **paths)


def test_what_needs_no_tool_stays_as_it_is():
    for one in (job("ngc"), job("mxnet", "fp32"), job("openvino", "bf16")):
        assert quantized(one) is one


def answering(returncode: int, stdout: str, stderr: str = ""):
    return lambda *arguments, **options: subprocess.CompletedProcess([], returncode, stdout, stderr)


def test_the_last_line_tells_the_model(monkeypatch):
    monkeypatch.setattr(subprocess, "run", answering(0, 'remark of the tool\n{"stem": "net-int8"}\n'))
    assert quantized(job("mxnet")) == replace(job("mxnet"), quantized="net-int8")


def test_a_tool_that_is_missing_and_one_that_fails_are_told_apart(monkeypatch):
    monkeypatch.setattr(subprocess, "run", answering(0, '{"refused": "No module named \'nncf\'"}'))
    with pytest.raises(NotOffered, match=r"^No module named 'nncf'$"):
        quantized(job("openvino"))
    monkeypatch.setattr(subprocess, "run", answering(1, "", "many\nlines\nValueError: no such layer"))
    with pytest.raises(WorkerFailed, match=r"(?s)^nncf ended with status 1:\n.*ValueError: no such layer$"):
        quantized(job("openvino"))


def test_engines_without_a_model_are_told_and_cost_nothing_else(monkeypatch):
    def fake(one: Job) -> Job:
        if one.engine == "mxnet":
            raise NotOffered("not there")
        if one.engine == "openvino":
            raise WorkerFailed("broken")
        return replace(one, quantized="model")

    monkeypatch.setattr(quantizers, "quantized", fake)
    steps: list[str] = []
    ready, missing = quantize_all({engine: job(engine) for engine in QUANTIZERS}, steps.append)
    assert {name: one.quantized for name, one in ready.items()} == {"onnxruntime": "model"}
    assert missing == {"mxnet": "not there", "openvino": "broken"}
    assert steps == list(QUANTIZERS)


def test_a_model_is_made_again_only_when_what_it_was_made_from_changes(tmp_path, monkeypatch):
    made: list[int] = []

    def quantize(one: Job, batches: list[np.ndarray], stem: str) -> None:
        made.append(len(batches))
        for suffix in (".bin", ".xml"):
            Path(stem + suffix).write_text("model")

    tool = SimpleNamespace(FILES=(".bin", ".xml"), prepare=lambda: "tool-1", quantize=quantize)
    monkeypatch.setattr(__main__, "import_module", lambda name: tool)
    (tmp_path / "net-0000.params").touch()
    np.save(tmp_path / "c.npy", np.zeros((3, *SHAPE[1:]), np.float32))
    one = job("openvino", prefix=str(tmp_path / "net"), onnx=str(tmp_path / "none.onnx"), calibration=str(tmp_path / "c.npy"))
    shape = "x".join(map(str, SHAPE))
    for _ in range(2):
        assert __main__.make(one) == str(tmp_path / f"net-{shape}-int8-tool-1")
    whole = -(-3 // SHAPE[0])
    assert made == [whole]
    assert sorted(path.name for path in tmp_path.glob("*tool*")) == [f"net-{shape}-int8-tool-1.bin", f"net-{shape}-int8-tool-1.xml"]
    later = (tmp_path / f"net-{shape}-int8-tool-1.xml").stat().st_mtime + 1
    os.utime(tmp_path / "net-0000.params", (later, later))
    __main__.make(one)
    assert made == [whole, whole]
    tool.prepare = lambda: "tool-2"
    __main__.make(one)
    assert made == [whole] * 3


def write_onnx(path: Path) -> None:
    """Writes a model of one 3x3 convolution with four filters and a ReLU."""
    onnx = pytest.importorskip("onnx")
    channels = SHAPE[1]
    weight = np.random.default_rng(0).normal(size=(4, channels, 3, 3)).astype(np.float32)
    nodes = [onnx.helper.make_node("Conv", ["data", "w"], ["c"], pads=[1, 1, 1, 1]), onnx.helper.make_node("Relu", ["c"], ["y"])]
    ends = [onnx.helper.make_tensor_value_info("data", onnx.TensorProto.FLOAT, SHAPE),
            onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (SHAPE[0], 4, *SHAPE[2:]))]  # fmt: skip
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], [onnx.numpy_helper.from_array(weight, "w")])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8), path)


@pytest.mark.parametrize("engine", QUANTIZERS)
def test_a_quantized_model_runs_and_is_about_right(tmp_path, engine):
    if not all(find_spec(name) for name in NEEDS[engine]):
        pytest.skip(f"{engine} or its quantizer is not installed")
    images = held_out_digits().images
    np.savez(tmp_path / "x.npz", data=images[:2])
    np.save(tmp_path / "c.npy", images[2:34])
    for path in KEPT.parent.glob(f"{KEPT.name}-*"):
        shutil.copy(path, tmp_path)
    write_onnx(tmp_path / "net.onnx")
    one = job(engine, prefix=str(tmp_path / KEPT.name), onnx=str(tmp_path / "net.onnx"), input=str(tmp_path / "x.npz"), calibration=str(tmp_path / "c.npy"))
    with Worker(replace(one, precision="fp32"), tmp_path / "log") as exact, Worker(quantized(one), tmp_path / "log8") as rough:
        # Eight bits leave noise of 1/255/sqrt(12) of the range for each of data, weights and result: 45 dB below a uniform signal, less for others.
        assert 20 < sqnr_db(rough.answers[0], exact.answers[0]) < 60
