"""Tests of the images that engines calibrate on."""

import numpy as np

from bench import calibration
from bench.calibration import split, zoo_calibration
from bench.zoo_models import keep_array, sample_input


def test_images_of_the_zoo_are_kept_and_are_not_the_ones_that_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "COUNT", 2)
    path = zoo_calibration("alexnet", tmp_path)
    assert path == str(tmp_path / "calibration-2x3x224x224.npy")
    images = np.load(path)
    assert images.shape == (2, 3, 224, 224)
    assert images.dtype == np.float32
    assert not np.isin(sample_input("alexnet", 1)[0, 0, 0], images[:, 0, 0]).any()
    before = (tmp_path / "calibration-2x3x224x224.npy").stat().st_mtime_ns
    assert zoo_calibration("resnet50_v2", tmp_path) == path
    assert (tmp_path / "calibration-2x3x224x224.npy").stat().st_mtime_ns == before


def test_an_array_is_made_once(tmp_path):
    made = []

    def make() -> np.ndarray:
        made.append(1)
        return np.arange(3)

    for _ in range(2):
        np.testing.assert_array_equal(np.load(keep_array(tmp_path / "a.npy", make)), [0, 1, 2])
    assert made == [1]


def test_batches_are_whole_and_filled_up_from_the_beginning():
    images = np.arange(5, dtype=np.float32)[:, None]
    assert [batch[:, 0].tolist() for batch in split(images, 2)] == [[0, 1], [2, 3], [4, 0]]
    assert [batch[:, 0].tolist() for batch in split(images, 8)] == [[0, 1, 2, 3, 4, 0, 1, 2]]
    assert len(split(images, 1)) == 5
