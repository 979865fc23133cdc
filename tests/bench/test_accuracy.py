"""Tests of what the accuracy benchmark computes; how accurate an engine is, is no test's business."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from bench.accuracy import __main__ as command
from bench.accuracy import compare as comparing
from bench.accuracy.compare import Accuracy, compare, judge, verdicts
from bench.accuracy.digits import CALIBRATION_COUNT, HELD_OUT_COUNT, SIZE, split_digits, upsample
from bench.accuracy.models import ZOO_NETWORKS, Model
from bench.accuracy.networks import NETWORKS
from bench.accuracy.train import EPOCHS
from bench.engines import Job, NotOffered
from bench.engines.process import WorkerFailed
from bench.zoo_models import NETWORKS as ZOO


def test_upsampling_is_linear_between_centres_and_constant_outside():
    row = np.array([0.0, 1.0, 3.0], np.float32)
    image = np.tile(row, (3, 1))[None, None]
    doubled = upsample(image, 6)
    assert doubled.shape == (1, 1, 6, 6)
    # Centres at 0.5, 1.5, 2.5 of three pixels; those of six at 0.25, 0.75, ...
    np.testing.assert_allclose(doubled[0, 0], np.tile([0.0, 0.25, 0.75, 1.5, 2.5, 3.0], (6, 1)), rtol=1e-6)
    np.testing.assert_allclose(upsample(image.transpose(0, 1, 3, 2), 6), doubled.transpose(0, 1, 3, 2), rtol=1e-6)


def test_digits_are_split_for_good():
    pytest.importorskip("sklearn")
    split, again = split_digits(), split_digits()
    assert len(split.held_out) == HELD_OUT_COUNT >= 500
    assert len(split.train) + len(split.held_out) == 1797
    assert split.train.images.shape[1:] == (1, SIZE, SIZE)
    assert split.train.images.dtype == np.float32
    assert split.train.images.min() >= 0
    assert split.train.images.max() <= 1
    np.testing.assert_array_equal(split.held_out.images, again.held_out.images)
    np.testing.assert_array_equal(split.calibration.images, split.train.images[:CALIBRATION_COUNT])
    seen = {image.tobytes() for image in split.train.images}
    assert not any(image.tobytes() in seen for image in split.held_out.images)


def test_every_network_has_its_epochs_and_the_zoo_has_the_others():
    assert EPOCHS.keys() == NETWORKS.keys()
    assert set(ZOO_NETWORKS) <= set(ZOO)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_tell_ten_classes_apart(name):
    if find_spec("mxnet") is None:
        pytest.skip("MXNet is not installed")
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    net = NETWORKS[name](mx)
    net.initialize()
    assert net(mx.nd.zeros((2, 1, SIZE, SIZE))).shape == (2, 10)


def model(labels: list[int] | None, prefix: str = "") -> Model:
    return Model("net", prefix, (1, 2), "", "", None if labels is None else np.array(labels))


def test_an_engine_is_judged_by_labels_and_by_fp32():
    expected = np.array([[4.0, 0.0], [3.0, 0.0], [0.0, 5.0]], np.float32)
    logits = np.array([[4.0, 0.0], [0.0, 3.0], [0.0, 5.0]], np.float32)
    row = judge(model([0, 1, 1]), "ngc", "1", logits, expected)
    assert (row.images, row.fp32_top1, row.int8_top1, row.agreement) == (3, pytest.approx(2 / 3), 1.0, pytest.approx(2 / 3))
    assert row.sqnr_db == round(10 * np.log10(50 / 18), 2)


def test_without_labels_there_is_no_top1():
    row = judge(model(None), "ngc", "1", np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    assert row == Accuracy("net", "ngc", "1", 2, None, None, 1.0, float("inf"))


def row(network: str, engine: str, sqnr: float) -> Accuracy:
    return Accuracy(network, engine, "1", 600, 0.99, 0.985, 0.995, sqnr)


ROWS = [row("a", "ngc", 31.5), row("a", "mxnet", 20.0), row("a", "openvino", 30.0), row("b", "mxnet", 20.0), row("c", "ngc", 20.0)]


def test_the_best_peer_is_the_one_with_the_least_noise():
    assert list(verdicts(ROWS, "ngc")) == [("a", "openvino", 1.5)]


def test_the_table_ends_each_network_with_the_distance_to_the_best_peer():
    cells = [list(column.cells) for column in command.table(ROWS).columns]
    assert cells[0] == ["a", "a", "a", "a", "b", "c"]
    assert cells[1][3] == "ngc - openvino"
    assert cells[7][3] == "+1.5"
    assert [column[0] for column in cells[3:]] == ["600", "99.00%", "98.50%", "99.50%", "31.5"]


class FakeWorker:
    """Stands for a process: answers with the logits of fp32, and twice as much in int8; ngc has no int8 and ONNX Runtime ends."""

    version = "1"

    def __init__(self, job: Job, log: Path) -> None:
        self.job = job
        if job.engine == "ngc":
            raise NotOffered("no int8")

    def outputs(self, images: Path) -> np.ndarray:
        if self.job.engine == "onnxruntime":
            raise WorkerFailed("ended")
        logits = np.load(images)
        return logits if self.job.precision == "fp32" else 2 * logits

    def __enter__(self) -> "FakeWorker":
        return self

    def __exit__(self, *error: object) -> None:
        pass


def test_engines_are_compared_with_fp32_and_those_without_a_result_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(comparing, "Worker", FakeWorker)
    monkeypatch.setattr(comparing, "export_onnx", lambda prefix, shape: "")

    def quantize_all(jobs, step):
        assert {job.calibration for job in jobs.values()} == {"c.npy"}
        return {name: job for name, job in jobs.items() if name != "openvino"}, {"openvino": "no NNCF"}

    monkeypatch.setattr(comparing, "quantize_all", quantize_all)
    np.save(tmp_path / "x.npy", np.eye(2, dtype=np.float32))
    found, missing = compare(Model("net", "", (1, 2), "c.npy", str(tmp_path / "x.npy")), ("ngc", "mxnet", "onnxruntime", "openvino"), lambda what: None)
    assert found == [Accuracy("net", "mxnet", "1", 2, None, None, 1.0, 0.0)]
    assert missing == {"ngc": "no int8", "onnxruntime": "ended", "openvino": "no NNCF"}


def test_an_unknown_network_is_named(monkeypatch, capsys):
    for arguments, accepted in ((["--models", "resnet50_v2"], "accepted are resnet_v1"), (["--zoo", "--models", "vgg"], "accepted are resnet18_v1")):
        monkeypatch.setattr("sys.argv", ["bench.accuracy", *arguments])
        with pytest.raises(SystemExit):
            command.main()
        assert accepted in capsys.readouterr().err
