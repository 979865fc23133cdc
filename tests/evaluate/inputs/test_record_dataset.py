"""Data sets in RecordIO files."""

import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ngc.errors import DatasetError
from ngc.evaluate.inputs import Loader, Preprocessing, Sample, open_dataset
from ngc.evaluate.parts import split
from tests.evaluate.inputs.pictures import encoded, smooth
from tests.evaluate.inputs.record_writer import packed, write_records


@pytest.mark.parametrize("index", [False, True])
def test_records_have_keys_classes_and_content(tmp_path: Path, index: bool) -> None:
    write_records(tmp_path / "some.rec", [packed(b"a", label=3), packed(b"b", [4]), packed(b"c", [1, 2, 3])], index=index)
    dataset = open_dataset(tmp_path / "some.rec")
    assert (dataset.name, len(dataset)) == ("some", 3)
    assert [dataset.sample(at) for at in range(3)] == [Sample(0, "0", 3), Sample(1, "1", 4), Sample(2, "2", None)]
    assert [dataset.read(at) for at in range(3)] == [b"a", b"b", b"c"]


def test_the_index_gives_order_and_keys(tmp_path: Path) -> None:
    first, second = write_records(tmp_path / "some.rec", [packed(b"a"), packed(b"b")])
    (tmp_path / "some.idx").write_text(f"20\t{second}\n10\t{first}\n")
    dataset = open_dataset(tmp_path / "some.rec")
    assert [(dataset.sample(at).input_id, dataset.read(at)) for at in range(2)] == [("20", b"b"), ("10", b"a")]


@pytest.mark.parametrize(("listed", "warned"), [([0, 1, 2], False), ([2], False), ([1, 0], True)])
def test_an_index_that_ends_before_the_file_does_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, listed: list[int], warned: bool) -> None:
    offsets = write_records(tmp_path / "some.rec", [packed(b"a"), packed(b"bc"), packed(b"def")])
    (tmp_path / "some.idx").write_text("".join(f"{at}\t{offsets[at]}\n" for at in listed))
    assert len(open_dataset(tmp_path / "some.rec")) == len(listed)
    message = f"{tmp_path}/some.rec has more records than the {len(listed)} that {tmp_path}/some.idx lists; without the index all are read"
    assert caplog.messages == [message] * warned


@pytest.mark.filterwarnings("ignore:tostring:DeprecationWarning")  # of MXNet's writer
def test_what_mxnet_packs_is_read(mx: ModuleType, tmp_path: Path) -> None:
    writer = mx.recordio.MXIndexedRecordIO(str(tmp_path / "mx.idx"), str(tmp_path / "mx.rec"), "w")
    for key, label in ((5, 2.0), (9, [7.0]), (11, [1.0, 0.5])):
        writer.write_idx(key, mx.recordio.pack(mx.recordio.IRHeader(0, label, key, 0), encoded(smooth(8, 8))))
    writer.close()
    dataset = open_dataset(tmp_path / "mx.rec")
    assert [dataset.sample(at) for at in range(3)] == [Sample(0, "5", 2), Sample(1, "9", 7), Sample(2, "11", None)]
    assert {dataset.read(at) for at in range(3)} == {encoded(smooth(8, 8))}


def test_arrays_in_records_need_no_decoding(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    stream = io.BytesIO()
    np.save(stream, image)
    write_records(tmp_path / "some.rec", [packed(stream.getvalue()), packed(encoded(image))])
    dataset = open_dataset(tmp_path / "some.rec")
    batch, = Loader(dataset, Preprocessing(3, 4, 5, center_crop=None), 1).batches(split(2, 2), 2)
    assert np.array_equal(batch.array[0], batch.array[1])
    assert np.array_equal(batch.array[0], image.transpose(2, 0, 1))


@pytest.mark.parametrize(("content", "message"), [
    (b"short", "5 bytes; expected labels and ids of 24 bytes before the image"),
    (packed(b"abc", label=4), "class 4; there are 2, from 0"),
    (packed(b"abc", label=-1), "class -1; there are 2, from 0"),
    (packed(b"abc", label=0.5), "label 0.5; a class is a whole number"),
    (packed(b"abc", label=float("nan")), "label nan; a class is a whole number"),
    (packed(b"abc", [0.0] * 9)[:40], "9 labels in 40 bytes"),
])
def test_a_bad_record_is_named_when_it_is_read(tmp_path: Path, content: bytes, message: str) -> None:
    write_records(tmp_path / "some.rec", [packed(b"a", label=1), content])
    dataset = open_dataset(tmp_path / "some.rec", labels=("cat", "dog"))
    assert dataset.sample(1) == Sample(1, "1", None)
    with pytest.raises(DatasetError) as caught:
        dataset.read(1)
    assert str(caught.value) == f"{tmp_path / 'some.rec'}: record 1 at byte 36: {message}"
    assert dataset.sample(0).expected == 1


def test_a_damaged_record_spoils_no_other_where_there_is_an_index(tmp_path: Path) -> None:
    path = tmp_path / "some.rec"
    write_records(path, [packed(b"a"), packed(b"b")], index=True)
    path.write_bytes(bytes(4) + path.read_bytes()[4:])
    dataset = open_dataset(path)
    with pytest.raises(DatasetError, match="record 0 at byte 0: no record, or a damaged one"):
        dataset.read(0)
    assert dataset.read(1) == b"b"
    path.with_suffix(".idx").unlink()
    with pytest.raises(DatasetError, match="record 0 at byte 0"):
        open_dataset(path)


def test_the_digest_changes_with_the_file_and_its_classes(tmp_path: Path) -> None:
    path = tmp_path / "some.rec"
    write_records(path, [packed(b"a")])
    digest = open_dataset(path).digest()
    assert open_dataset(path).digest() == digest
    assert open_dataset(path, labels=("cat",)).digest() != digest
    write_records(path, [packed(b"a"), packed(b"b")])
    assert open_dataset(path).digest() != digest
