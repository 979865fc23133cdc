"""Data sets of files: folders, lists and addresses."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ngc.errors import DatasetError
from ngc.evaluate.inputs import Sample, open_dataset, synthetic, urls_file
from ngc.evaluate.inputs.datasets import Dataset
from tests.evaluate.inputs.record_writer import packed, write_records


def write(folder: Path, *paths: str) -> Path:
    """Writes files that hold their own paths."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return folder


def test_a_name_that_no_file_can_have_is_no_data_set() -> None:
    with pytest.raises(DatasetError, match=r"^a+ \.\.\. a+: no such data set: File name too long$"):
        open_dataset("a" * 5000)


def samples(dataset: Dataset) -> list[tuple[str, int | None]]:
    """Returns names and classes, after a look at what is read."""
    found = [dataset.sample(index) for index in range(len(dataset))]
    assert [sample.index for sample in found] == list(range(len(dataset)))
    return [(sample.input_id, sample.expected) for sample in found]


CLASSES = ("dog/b.png", "dog/a.JPEG", "cat/x/c.jpg", "cat/notes.txt", "cat/.hidden.png", ".git/d.png", "empty/notes.txt", "list.txt")


def test_folders_are_classes(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "pets", *CLASSES))
    assert dataset.name == "pets"
    assert samples(dataset) == [("cat/x/c.jpg", 0), ("dog/a.JPEG", 1), ("dog/b.png", 1)]
    assert [dataset.read(index) for index in range(3)] == [b"cat/x/c.jpg", b"dog/a.JPEG", b"dog/b.png"]


def test_folders_are_looked_up_in_the_labels(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, *CLASSES), labels=("Dog", "mouse", "Cat"), name="mine")
    assert dataset.name == "mine"
    assert samples(dataset) == [("cat/x/c.jpg", 2), ("dog/a.JPEG", 0), ("dog/b.png", 0)]
    with pytest.raises(DatasetError, match=r"class 'dog' is none of the model's 1 labels \(cat\)"):
        open_dataset(tmp_path, labels=("cat",))


def test_a_folder_without_folders_has_no_classes(tmp_path: Path) -> None:
    assert samples(open_dataset(write(tmp_path, "b.png", "a.gif", "notes.txt"))) == [("a.gif", None), ("b.png", None)]


def test_a_folder_takes_classes_from_a_list(tmp_path: Path) -> None:
    write(tmp_path / "images", "b.png", "a.png", "c.png")
    labels = tmp_path / "labels.txt"
    labels.write_text("Golden Retriever\ntabby cat\n\ngolden retriever\n")
    assert samples(open_dataset(tmp_path / "images", label_list=labels)) == [("a.png", 0), ("b.png", 1), ("c.png", 0)]
    labels.write_text("c.png 1\na.png 0\n")
    assert samples(open_dataset(tmp_path / "images", label_list=labels)) == [("c.png", 1), ("a.png", 0)]
    labels.write_text("3\n4\n")
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path / "images", label_list=labels)
    assert str(caught.value) == f"{labels}: 2 classes for the 3 images of {tmp_path / 'images'}; expected one for each, or lines of a path and a class"


def test_images_beside_and_in_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="1 images beside its folders and 2 in them; expected one folder for each class, or no folders"):
        open_dataset(write(tmp_path, "a.png", "cat/b.png", "cat/c.png"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    with pytest.raises(DatasetError, match=r"no images; expected \.jpg, \.jpeg, \.png, \.bmp, \.gif, \.webp, \.npy files, or folders of them"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(("text", "wanted"), [
    ("a.png 3\n\nsub/b.png 12\n", [("a.png", 3), ("sub/b.png", 12)]),
    ("a name.png\t3\nb.png\t12\n", [("a name.png", 3), ("b.png", 12)]),
    ("\ufeffa.png tabby cat\r\nb.png dog\r\n", [("a.png", 1), ("b.png", 0)]),
])
def test_a_list_has_paths_and_classes(tmp_path: Path, text: str, wanted: list[tuple[str, int]]) -> None:
    (tmp_path / "val.txt").write_text(text, encoding="utf-8")
    dataset = open_dataset(tmp_path / "val.txt")
    assert dataset.name == "val"
    assert samples(dataset) == wanted


def test_a_list_takes_its_classes_from_the_labels(tmp_path: Path) -> None:
    (tmp_path / "val.tsv").write_text("a.png\tcat\nb.png\tDOG\n")
    assert samples(open_dataset(tmp_path / "val.tsv", labels=("dog", "bird", "cat"))) == [("a.png", 2), ("b.png", 0)]


def test_mxnets_lists_have_an_index_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "val.lst").write_text("7\t3.000000\ta b.png\n2\t1\t0.5\tc.png\n")
    write(tmp_path, "a b.png")
    dataset = open_dataset(tmp_path / "val.lst")
    assert samples(dataset) == [("a b.png", 3), ("c.png", None)]
    assert dataset.read(0) == b"a b.png"
    write(tmp_path / "elsewhere", "a b.png")
    assert open_dataset(tmp_path / "elsewhere", label_list=tmp_path / "val.lst").read(0) == b"a b.png"


@pytest.mark.parametrize(("name", "text", "message"), [
    ("val.txt", b"\n \n", ": a list of nothing"),
    ("val.txt", b"a.png 1\nb.png\n", ":2: 'b.png'; expected a path, a TAB or space, and a class"),
    ("val.txt", b"a.png 0\nb.png 2\n", ": class 2; there are 2, from 0"),
    ("val.txt", b"a.png bird\n", ": none of its classes (bird) is one of the model's 2 labels (cat, dog)"),
    ("val.txt", b"\xff\xfe\x00", ": no text in UTF-8: "),
    ("val.lst", b"0\ta.png\n", ":1: '0\\ta.png'; expected an index, one or more numbers, and a path, separated by TABs"),
    ("val.lst", b"0\tcat\ta.png\n", ":1: '0\\tcat\\ta.png'; expected an index"),
    ("val.lst", b"0\t1\ta.png\n1\t5\tb.png\n", ":2: class 5; there are 2, from 0"),
    ("val.lst", b"0\t1.5\ta.png\n", ":1: label 1.5; a class is a whole number"),
])
def test_a_bad_list_is_refused(tmp_path: Path, name: str, text: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path / name, labels=("cat", "dog"))
    assert str(caught.value).startswith(f"{tmp_path / name}{message}")


def test_a_missing_file_is_named_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("a.png 1\n")
    with pytest.raises(DatasetError, match=r"^a\.png: cannot be read: No such file or directory$"):
        open_dataset(tmp_path / "val.txt").read(0)


def test_a_file_of_addresses(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b c.png")
    (tmp_path / "urls").write_text(f"# comment\na.png\n\n{(tmp_path / 'b c.png').as_uri()}\n")
    dataset = urls_file(tmp_path / "urls", duplicate_input=2)
    assert dataset.name == "urls"
    assert [dataset.sample(index) for index in (0, 2)] == [Sample(0, "a.png", None), Sample(2, "a.png", None)]
    assert [dataset.read(index) for index in range(len(dataset))] == [b"a.png", b"b c.png"] * 2


@pytest.mark.parametrize(("text", "times", "message"), [
    ("# only\n", 1, "urls: only comments; expected paths and addresses of inputs, one a line"),
    ("a.png\n", 0, "urls: its inputs 0 times; expected at least once"),
])
def test_a_file_of_no_addresses_is_refused(tmp_path: Path, text: str, times: int, message: str) -> None:
    (tmp_path / "urls").write_text(text)
    with pytest.raises(DatasetError, match=message):
        urls_file(tmp_path / "urls", times)


def test_the_digest_changes_with_names_classes_and_files(tmp_path: Path) -> None:
    write(tmp_path, "cat/a.png", "dog/b.png")
    digests = [open_dataset(tmp_path).digest(), open_dataset(tmp_path).digest(), open_dataset(tmp_path, labels=("dog", "cat")).digest()]
    os.utime(tmp_path / "cat/a.png", ns=(1, 1))
    digests.append(open_dataset(tmp_path).digest())
    write(tmp_path, "cat/c.png")
    digests.append(open_dataset(tmp_path).digest())
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_a_missing_file_has_a_digest_too(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("a.png 1\nhttp://nowhere.invalid/b.png 2\nfile://elsewhere/c.png 3\n")
    dataset = open_dataset(tmp_path / "val.txt")
    missing = dataset.digest()
    write(tmp_path, "a.png")
    assert dataset.digest() != missing


def test_data_sets_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    write(tmp_path, "images/a.png", "images/b.png")
    write_records(tmp_path / "some.rec", [packed(b"a"), packed(b"b")])
    np.savez(tmp_path / "some.npz", images=np.arange(8).reshape(2, 4))
    for dataset in (*(open_dataset(tmp_path / name) for name in ("images", "some.rec", "some.npz")), synthetic((4,), 2)):
        sent = pickle.loads(pickle.dumps(dataset))
        assert (len(sent), sent.name, sent.digest(), sent.sample(1)) == (2, dataset.name, dataset.digest(), dataset.sample(1))
        assert np.array_equal(sent.read(1), dataset.read(1))


@pytest.mark.parametrize(("name", "message"), [
    ("none", "none: no such data set"),
    ("model.params", r"model\.params: no data set; expected a folder of images, or a \.rec, \.npz, \.lst, \.txt, \.tsv file"),
])
def test_what_is_no_data_set_is_refused(tmp_path: Path, name: str, message: str) -> None:
    write(tmp_path, "model.params")
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path / name)


def test_a_list_of_labels_goes_with_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "val.txt", "labels.txt")
    with pytest.raises(DatasetError, match=r"val\.txt: has classes of its own; a list of labels goes with a folder of images"):
        open_dataset(tmp_path / "val.txt", label_list=tmp_path / "labels.txt")
