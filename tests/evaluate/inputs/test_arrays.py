"""Arrays as data sets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.digits_data import HELD_OUT
from ngc.errors import DatasetError
from ngc.evaluate.inputs import Loader, Preprocessing, Sample, open_dataset, synthetic
from ngc.evaluate.parts import split

IMAGES = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)


@pytest.mark.parametrize(("names", "labels"), [
    (("images", "labels"), [2, 0, 1]), (("x", "y"), [[2], [0], [1]]), (("data", "label"), [2.0, 0.0, 1.0]), (("images", "other"), [7]),
])
def test_rows_are_inputs(tmp_path: Path, names: tuple[str, str], labels: Any) -> None:
    np.savez(tmp_path / "some.npz", **{names[0]: IMAGES, names[1]: np.array(labels)})
    dataset = open_dataset(tmp_path / "some.npz", labels=("a", "b", "c"))
    expected = [None] * 3 if names[1] == "other" else [2, 0, 1]
    assert (dataset.name, [dataset.sample(row) for row in range(3)]) == ("some", [Sample(row, str(row), expected[row]) for row in range(3)])
    assert all(np.array_equal(dataset.read(row), IMAGES[row]) for row in range(3))


def test_the_shipped_digits_are_read() -> None:
    dataset = open_dataset(HELD_OUT, labels=tuple("0123456789"))
    batches = list(Loader(dataset, Preprocessing(1, 8, 8, color_mode="GRAY", scale=(16.0,)), 2).batches(split(len(dataset), 450), 100))
    assert [len(batch.samples) for batch in batches] == [100, 100, 100, 100, 50]
    with np.load(HELD_OUT) as held_out:
        assert np.array_equal(np.concatenate([batch.array for batch in batches]), held_out["images"].reshape(-1, 1, 8, 8).astype(np.float32) / 16)
        assert [sample.expected for batch in batches for sample in batch.samples] == held_out["labels"].tolist()


@pytest.mark.parametrize(("arrays", "message"), [
    ({"pictures": IMAGES}, "holds pictures; expected inputs as images or x or data, and classes as labels or y or label"),
    ({}, "holds nothing; expected inputs"),
    ({"images": IMAGES, "x": IMAGES}, "holds images and x, of which one is expected"),
    ({"images": IMAGES[:0]}, r"no inputs in an array \(0, 2, 4\); expected them along its first axis"),
    ({"images": np.float32(1)}, r"no inputs in an array \(\); expected them along its first axis"),
    ({"images": IMAGES, "labels": np.arange(4)}, r"classes \(4,\) for 3 inputs; expected \(3,\)"),
    ({"images": IMAGES, "labels": np.array(["a", "b", "c"])}, "classes of <U1; expected numbers"),
    ({"images": IMAGES, "labels": np.array([0, 1, 3])}, "input 2: class 3; there are 3, from 0"),
    ({"images": IMAGES, "labels": np.array([0, -1, 2])}, "input 1: class -1; there are 3, from 0"),
    ({"images": IMAGES, "labels": np.array([0, 1, np.nan])}, "input 2: label nan; a class is a whole number"),
    ({"images": np.array([None, 1])}, "no archive that numpy.savez wrote: Object arrays cannot be loaded"),
])
def test_arrays_that_are_no_data_set_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "some.npz", **arrays)
    with pytest.raises(DatasetError, match=rf"some\.npz: {message}"):
        open_dataset(tmp_path / "some.npz", labels=("a", "b", "c"))


def test_files_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    (tmp_path / "some.npz").write_bytes(b"PK and more")
    with pytest.raises(DatasetError, match=r"some\.npz: no archive that numpy\.savez wrote"):
        open_dataset(tmp_path / "some.npz")
    with (tmp_path / "some.npz").open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(DatasetError, match=r"some\.npz: one array that numpy\.save wrote; expected an archive that numpy\.savez wrote"):
        open_dataset(tmp_path / "some.npz")


def test_the_digest_changes_with_pixels_and_classes(tmp_path: Path) -> None:
    digests = []
    for images, labels in ((IMAGES, [0, 1, 2]), (IMAGES, [0, 1, 2]), (IMAGES + 1, [0, 1, 2]), (IMAGES, [0, 1, 1])):
        np.savez(tmp_path / "some.npz", images=images, labels=labels)
        digests.append(open_dataset(tmp_path / "some.npz").digest())
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@given(st.sampled_from(["float32", "float16", "uint8", "int8", "int32"]), st.integers(0, 9), st.integers(1, 5))
def test_generated_inputs_depend_on_seed_and_index_alone(dtype: str, seed: int, count: int) -> None:
    dataset = synthetic((3, 4, 5), count, seed, dtype)
    inputs = [dataset.read(index) for index in reversed(range(count))][::-1]
    again = synthetic((3, 4, 5), count + 1, seed, dtype)
    assert all(np.array_equal(array, again.read(index)) for index, array in enumerate(inputs))
    assert not np.array_equal(inputs[0], again.read(count))
    assert not np.array_equal(inputs[0], synthetic((3, 4, 5), count, seed + 1, dtype).read(0))
    assert {(array.shape, array.dtype.name) for array in inputs} == {((3, 4, 5), dtype)}
    assert dataset.sample(0) == Sample(0, "0", None)
    assert dataset.digest() == synthetic((3, 4, 5), count, seed, dtype).digest() != again.digest()


@pytest.mark.parametrize(("count", "dtype", "message"), [
    (0, "float32", "0 generated inputs; expected at least 1"), (1, "bool", "generated inputs of bool; expected a type of integers or floats"),
])
def test_inputs_that_cannot_be_generated_are_refused(count: int, dtype: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        synthetic((3,), count, dtype=dtype)
