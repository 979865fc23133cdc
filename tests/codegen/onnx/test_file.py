"""ONNX files, and weights beside them."""

import errno
import os
import re
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


def network(scale: float = 1) -> Graph:
    """Returns a network with two large constants and a small one."""
    rng = np.random.default_rng(1)
    b = GraphBuilder()
    dense = b.op("dense", b.input("x", (2, 40)), b.const("w", rng.random((30, 40), np.float32) * np.float32(scale)))
    x = b.op("add", dense, b.const("v", rng.random((1, 30), np.float32)))
    return b.finish([b.op("dense", x, b.const("u", rng.random((50, 30), np.float32)))])


def data_of(path: Path) -> str:
    """Returns the name of the one file of weights beside a model."""
    [name] = [other for other in os.listdir(path.parent) if re.fullmatch(rf"{re.escape(path.name)}\.[0-9a-f]{{16}}\.data", other)]
    return name


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
    data = data_of(path)
    assert sorted(os.listdir(tmp_path)) == ["net.onnx", data]
    assert path.stat().st_size < 1000
    assert_right(path)
    tensors = {tensor.name: tensor for tensor in onnx.load(path, load_external_data=False).graph.initializer}
    places = {name: {entry.key: entry.value for entry in tensor.external_data} for name, tensor in tensors.items()}
    assert places == {"w": {"location": data, "offset": "0", "length": "4800"}, "v": {},
                      "u": {"location": data, "offset": "8192", "length": "6000"}}


def test_a_model_is_whole_or_not_there(tmp_path):
    path = tmp_path / "net.onnx"
    save_onnx(network(), path, limit=0)
    data = tmp_path / data_of(path)
    path.write_text("before")
    data.unlink()
    data.mkdir()
    with pytest.raises(ArtifactError, match=r"the ONNX model cannot be written to .*net\.onnx: Is a directory"):
        save_onnx(network(), path, limit=0)
    assert path.read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["net.onnx", data.name]


def test_a_model_that_cannot_be_replaced_keeps_its_own_weights(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    save_onnx(network(), path, limit=0)

    def no_room(self, target):
        if self.name.startswith(".net.onnx.") and target.suffix == ".onnx":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.replace(self, target)

    monkeypatch.setattr(Path, "replace", no_room)
    with pytest.raises(ArtifactError, match="No space left on device"):
        save_onnx(network(scale=2), path, limit=0)
    assert_right(path)


def test_weights_of_an_earlier_model_go(tmp_path):
    path = tmp_path / "net.onnx"
    (tmp_path / "net.onnx.data").write_text("somebody's")
    save_onnx(network(scale=2), path, limit=0)
    save_onnx(network(), path, limit=0)
    assert sorted(os.listdir(tmp_path)) == sorted(["net.onnx", data_of(path), "net.onnx.data"])
    assert_right(path)
    save_onnx(network(), path)
    assert sorted(os.listdir(tmp_path)) == ["net.onnx", "net.onnx.data"]
    assert_right(path)


@pytest.mark.parametrize("name", ["..net.onnx", "a..b.onnx", "a\\b.onnx"])
def test_names_that_onnx_refuses_beside_a_model(tmp_path, name):
    with pytest.raises(ArtifactError, match=r"ONNX refuses names of such files with '\.\.' or a backslash; choose another name$"):
        save_onnx(network(), tmp_path / name, limit=0)
    assert os.listdir(tmp_path) == []
    save_onnx(network(), tmp_path / name)
    assert_right(tmp_path / name)


@pytest.mark.parametrize("limit", [0, 10**6])
def test_a_link_stays_a_link(tmp_path, limit):
    link = tmp_path / "link.onnx"
    link.symlink_to("net.onnx")
    save_onnx(network(), link, limit=limit)
    assert link.is_symlink()
    assert_right(link)
    assert_right(tmp_path / "net.onnx")


def test_weights_are_not_put_beside_a_link_to_another_folder(tmp_path):
    (tmp_path / "other").mkdir()
    link = tmp_path / "link.onnx"
    link.symlink_to("other/net.onnx")
    with pytest.raises(ArtifactError, match=r"readers do not find from a link to another folder; write it to .*/other/net\.onnx itself$"):
        save_onnx(network(), link, limit=0)
    save_onnx(network(), link)
    assert link.is_symlink()
    assert_right(link)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ArtifactError, match=r"cannot be written to .*/none/net\.onnx: No such file or directory"):
        save_onnx(network(), tmp_path / "none" / "net.onnx")
