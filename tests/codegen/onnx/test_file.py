"""ONNX files, and weights beside them."""

import os
from pathlib import Path

import numpy as np
import pytest

from ngc.codegen.onnx import save_onnx
from ngc.errors import ArtifactError
from ngc.ir import Graph, GraphBuilder, evaluate
from tests.onnx_models import session

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FEEDS = {"x": np.random.default_rng(0).random((2, 40), np.float32)}


def network() -> Graph:
    """Returns a network with two large constants, one of them bf16, and a small one."""
    rng = np.random.default_rng(1)
    b = GraphBuilder()
    dense = b.op("dense", b.input("x", (2, 40)), b.const("w", rng.random((30, 40), np.float32)))
    x = b.op("add", dense, b.const("v", rng.random((1, 30), np.float32)))
    return b.finish([b.op("dense", x, b.const("u", rng.random((50, 30), np.float32)))])


def assert_right(path: Path) -> None:
    """Checks a model file with the checker and in ONNX Runtime."""
    onnx.checker.check_model(str(path), full_check=True)
    [found] = session(str(path)).run(None, FEEDS)
    np.testing.assert_allclose(found, evaluate(network(), FEEDS)[0], rtol=1e-5)  # sums of 40 and of 30 positive products


def test_small_models_are_one_file(tmp_path):
    save_onnx(network(), tmp_path / "net.onnx")
    assert os.listdir(tmp_path) == ["net.onnx"]
    assert_right(tmp_path / "net.onnx")


def test_large_models_have_their_weights_beside_them(tmp_path):
    path = tmp_path / "net.onnx"
    save_onnx(network(), path, limit=4000)
    assert sorted(os.listdir(tmp_path)) == ["net.onnx", "net.onnx.data"]
    assert path.stat().st_size < 1000
    assert_right(path)
    tensors = {tensor.name: tensor for tensor in onnx.load(path, load_external_data=False).graph.initializer}
    places = {name: {entry.key: entry.value for entry in tensor.external_data} for name, tensor in tensors.items()}
    assert places == {"w": {"location": "net.onnx.data", "offset": "0", "length": "4800"}, "v": {},
                      "u": {"location": "net.onnx.data", "offset": "8192", "length": "6000"}}


def test_a_model_is_whole_or_not_there(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_text("before")
    (tmp_path / "net.onnx.data").mkdir()
    with pytest.raises(ArtifactError, match=r"the ONNX model cannot be written to .*net\.onnx: Is a directory"):
        save_onnx(network(), path, limit=0)
    assert path.read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["net.onnx", "net.onnx.data"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ArtifactError, match=r"cannot be written to .*/none/net\.onnx: No such file or directory"):
        save_onnx(network(), tmp_path / "none" / "net.onnx")
