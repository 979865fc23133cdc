"""RecordIO files: what dmlc-core writes is read, what is damaged is an error with its place."""

import struct
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import DatasetError
from ngc.evaluate.inputs.recordio import HEAD, LENGTH_BITS, MAGIC, Chunk, RecordFile, read_index
from tests.evaluate.inputs.record_writer import record, write_records

CONTENTS = st.lists(st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9)), max_size=6).map(b"".join), min_size=1, max_size=5)
"""Contents of records, many with the magic in them."""


def read_all(path: Path) -> list[bytes]:
    file = RecordFile(path)
    return [file.read(number, offset) for number, offset in enumerate(file.scan())]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records") / "some.rec"


@given(CONTENTS)
def test_what_was_written_is_read(path: Path, contents: list[bytes]) -> None:
    offsets = write_records(path, contents)
    assert RecordFile(path).scan() == offsets
    assert read_all(path) == contents
    assert len(RecordFile(path)) == path.stat().st_size


@given(CONTENTS)
def test_mxnet_writes_and_reads_the_same(mx: ModuleType, path: Path, contents: list[bytes]) -> None:
    writer = mx.recordio.MXRecordIO(str(path), "w")
    for content in contents:
        writer.write(content)
    writer.close()
    assert path.read_bytes() == b"".join(map(record, contents))
    assert read_all(path) == contents


@given(CONTENTS, st.data())
def test_a_damaged_file_gives_records_or_a_data_set_error(path: Path, contents: list[bytes], data: st.DataObject) -> None:
    damaged = bytearray(b"".join(map(record, contents)))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[:data.draw(st.integers(0, len(damaged)))])
    with suppress(DatasetError):
        read_all(path)
    with suppress(DatasetError):
        RecordFile(path).read(0, data.draw(st.integers(-9, len(damaged) + 9)))


def test_a_record_of_nothing_is_one(path: Path) -> None:
    write_records(path, [b"", b""])
    assert read_all(path) == [b"", b""]


def chunk(kind: int, content: bytes) -> bytes:
    return HEAD.pack(MAGIC, kind << LENGTH_BITS | len(content)) + content


@pytest.mark.parametrize(("data", "message"), [
    (record(b"one!") + b"two", "record 1 at byte 12: ends within the head of a chunk at byte 12; the file has 15"),
    (record(b"one!") + record(b"two!")[:-1], "record 1 at byte 12: a chunk ends at byte 24; the file has 23"),
    (record(b"one!") + record(b"two")[:-1], "record 1 at byte 12: a chunk ends at byte 24; the file has 23"),
    (b"JFIF" + bytes(8), "record 0 at byte 0: no record, or a damaged one: 4a464946 at byte 0; expected 0a23d7ce"),
    (chunk(Chunk.MIDDLE, b"one!"), "record 0 at byte 0: a chunk of kind 2 at byte 0; expected 0 or 1"),
    (chunk(5, b"one!"), "record 0 at byte 0: a chunk of kind 5 at byte 0; expected 0 or 1"),
    (chunk(Chunk.BEGIN, b"one!") + chunk(Chunk.WHOLE, b"two!"), "record 0 at byte 0: a chunk of kind 0 at byte 12; expected 2 or 3"),
    (chunk(Chunk.BEGIN, b"one!"), "record 0 at byte 0: ends within the head of a chunk at byte 12; the file has 12"),
])
def test_damage_is_named_with_its_place(path: Path, data: bytes, message: str) -> None:
    path.write_bytes(data)
    with pytest.raises(DatasetError) as caught:
        read_all(path)
    assert str(caught.value) == f"{path}: {message}"


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no\.rec: cannot be read: No such file"):
        RecordFile(tmp_path / "no.rec")
    (tmp_path / "empty.rec").touch()
    with pytest.raises(DatasetError, match=r"empty\.rec: no records in an empty file"):
        RecordFile(tmp_path / "empty.rec")


def test_an_offset_outside_of_the_file_is_refused(path: Path) -> None:
    write_records(path, [b"one!"])
    with pytest.raises(DatasetError, match="record 7 at byte 4096: ends within the head of a chunk at byte 4096; the file has 12"):
        RecordFile(path).read(7, 4096)


def test_an_index_is_keys_and_offsets(tmp_path: Path) -> None:
    (tmp_path / "some.idx").write_text("0\t0\n7\t4096\n")
    assert read_index(tmp_path / "some.idx") == [("0", 0), ("7", 4096)]


@pytest.mark.parametrize(("text", "message"), [
    (b"", ": an index of no records"),
    (b"0\t0\n1 20\n", ":2: '1 20'; expected a key, a TAB and the offset of a record"),
    (b"0\t-4\n", ":1: '0\\t-4'; expected"),
    (b"0\t" + b"1" * 5000, ":1: '0\\t11111"),
    (struct.pack("<I", 0xCED7230A), "ordinal not in range"),
])
def test_a_damaged_index_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "some.idx").write_bytes(text)
    with pytest.raises(DatasetError) as caught:
        read_index(tmp_path / "some.idx")
    assert message in str(caught.value)
