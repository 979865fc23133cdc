"""Calibration tables: ranges, merging, and files that come back whole or not at all."""

import contextlib
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngc
from ngc.calibration import table_file
from ngc.calibration.histogram import FIRST_BINS, Histogram
from ngc.calibration.table import CalibrationTable
from ngc.calibration.table_file import _HEADER, FORMAT, MAGIC
from ngc.errors import ArtifactError, InputError
from ngc.passes.value_ranges import ValueRange

CHOSEN = ValueRange(-1, 2.5, (0.5, 0.25), (-1, 0.125), (1, 2.5))


def make_table(seed: int = 0, names: str = "abc", fingerprint: str = "f") -> CalibrationTable:
    """Returns a table of small data of different kinds: channels or none, nothing counted, zeros only."""
    rng = np.random.default_rng(seed)
    histograms = {}
    for number, name in enumerate(names):
        histogram = Histogram.of_channels([4, None, 3][number % 3])
        if number % 4 != 3:
            histogram.observe((rng.normal(size=(2, 4, 3) if number % 3 == 0 else (6, 3)) * (number % 5)).astype(np.float32), name=name)
        histograms[name] = histogram
    return CalibrationTable(fingerprint, histograms, {"chosen": CHOSEN}, examples=2, batches=1, mode="percentile", parameters={"percent": 99})


@given(st.integers(0, 1000), st.text(max_size=3), st.text(max_size=5))
@settings(max_examples=25)
def test_files_hold_everything(tmp_path_factory: pytest.TempPathFactory, seed: int, names: str, fingerprint: str) -> None:
    table = make_table(seed, "".join(dict.fromkeys(names.encode("utf-8", "replace").decode())), fingerprint.encode("utf-8", "replace").decode())
    path = tmp_path_factory.mktemp("tables") / "table.cal"
    table.save(path)
    assert CalibrationTable.load(path) == table
    assert ngc.CalibrationTable.load(str(path)).ranges("naive") == table.ranges("naive")


def test_files_are_small(tmp_path: Path) -> None:
    histogram = Histogram()
    histogram.observe(np.random.default_rng(0).normal(size=100_000).astype(np.float32), name="x")
    CalibrationTable("f", {str(number): histogram for number in range(10)}).save(tmp_path / "table")
    assert (tmp_path / "table").stat().st_size < 10 * histogram.counts.nbytes / 4


def test_ranges_of_every_mode() -> None:
    table = make_table(names="ab")
    a, zeros = table.histograms["b"], (0, 0, 0, 0)
    assert table.ranges("naive") == {"a": ValueRange(0, 0, zeros, zeros, zeros), "b": ValueRange(a.low, a.high), "chosen": CHOSEN}
    assert table.ranges() == table.ranges("percentile", percent=99)
    assert table.ranges(percent=90) == table.ranges("percentile", percent=90)
    with pytest.raises(InputError, match="unknown calibration mode 'max'"):
        table.ranges("max")
    with pytest.raises(InputError, match="'mse' has no parameter 'percent'"):
        table.ranges("mse", percent=3)


def test_ranges_tell_the_extrema_of_channels_in_every_mode() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 9
    histogram = Histogram.of_channels(3)
    histogram.observe(array, name="x")
    for mode in ("mse", "naive", "percentile", "entropy"):
        found = CalibrationTable("f", {"x": histogram}).ranges(mode)["x"]
        assert (found.means, found.channel_lows, found.channel_highs) == ((-1.5, 2.5, 6.5), (-9, -5, -1), (6, 10, 14))


def test_chosen_ranges() -> None:
    table = CalibrationTable.from_ranges({"a": (-1, 3), "b": (2, 3), "c": (-4, -2)})
    assert table.ranges("entropy") == {"a": ValueRange(-1, 3), "b": ValueRange(0, 3), "c": ValueRange(-4, 0)}
    bounds: Any
    for bounds in ((3, -1), (0, float("inf")), (float("nan"), 1), "no", (1,), None):
        with pytest.raises(InputError) as raised:
            CalibrationTable.from_ranges({"a": bounds})
        assert str(raised.value) == f"the range of 'a' is (low, high) with finite low <= high, not {bounds!r}"


def test_merging() -> None:
    left, right = make_table(0, "abc"), make_table(1, "bcdef")
    before = left.copy()
    merged = left.merge(right)
    assert left == before
    assert list(merged.histograms) == list("abcdef")
    assert (merged.examples, merged.batches) == (4, 2)
    assert merged.histograms["b"] == left.histograms["b"].merged(right.histograms["b"])
    assert merged.histograms["a"] == left.histograms["a"]
    assert merged.histograms["a"] is not left.histograms["a"]


def test_tables_that_cannot_be_merged() -> None:
    with pytest.raises(InputError) as raised:
        make_table(fingerprint="f").merge(make_table(fingerprint="g"))
    assert str(raised.value) == "calibration tables of different graphs cannot be merged: their fingerprints are 'f' and 'g'"
    with pytest.raises(InputError) as raised:
        CalibrationTable.from_ranges({"a": (0, 1)}).merge(CalibrationTable.from_ranges({"a": (0, 2)}))
    assert str(raised.value) == "the calibration tables to merge have different ranges of 'a': [0, 1] and [0, 2]"


def test_repr() -> None:
    assert repr(make_table()) == "<ngc.CalibrationTable of 3 values from 2 examples in 1 batches, 1 chosen ranges>"
    assert repr(CalibrationTable()) == "<ngc.CalibrationTable of 0 values from 0 examples in 0 batches>"


# -- files that are no tables ------------------------------------------------------------------------------------------


def load_error(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ArtifactError) as raised:
        CalibrationTable.load(path)
    return str(raised.value)


def saved(folder: Path) -> bytes:
    make_table().save(folder / "good.cal")
    return (folder / "good.cal").read_bytes()


def sealed(manifest: Any, arrays: bytes = b"") -> bytes:
    """Returns a file with a right digest around any manifest."""
    text = json.dumps(manifest).encode()
    body = text + arrays
    return _HEADER.pack(MAGIC, FORMAT, len(text), hashlib.sha256(body).digest()) + body


def test_messages_of_damaged_and_foreign_files(tmp_path: Path) -> None:
    path, data = tmp_path / "table.cal", saved(tmp_path)
    for bad, message in (
            (b"", f"{path} is no calibration table: it begins with b''; CalibrationTable.load takes what CalibrationTable.save wrote"),
            (b"PK\x03\x04" + data, f"{path} is no calibration table: it begins with b'PK\\x03\\x04\\x89NGC'; "
                                   "CalibrationTable.load takes what CalibrationTable.save wrote"),
            (data[:20], f"{path} is truncated: 20 bytes are less than a header; copy the file again"),
            (data[:-1], f"{path} is truncated or altered: it differs from what was saved; copy the file again or calibrate again"),
            (MAGIC + b"\x01" + data[9:], f"{path} has format 1 of calibration tables; this ngc reads format 2: load it with the ngc that saved it, "
                                         "or calibrate again"),
            (sealed({}), f"{path}: its contents are none of ngc's (KeyError: 'chosen'); calibrate again")):
        assert load_error(path, bad) == message
    path.unlink()
    with pytest.raises(ArtifactError) as raised:
        CalibrationTable.load(path)
    assert str(raised.value) == f"cannot read {path}: No such file or directory"
    with pytest.raises(ArtifactError, match=r"cannot write .*; choose a folder that exists"):
        make_table().save(tmp_path / "none" / "table.cal")


GOOD = {"name": "a", "bins": FIRST_BINS, "step": 1.0, "range": [-1, 1], "channels": 1, "per_channel": 1}


@pytest.mark.parametrize(("changed", "message"), [
    ({"name": 3}, "TypeError: 3 is no text"), ({"bins": 8002}, "ValueError: 8002 bins"), ({"bins": 10**9 + 1}, "ValueError: 1000000001 bins"),
    ({"bins": 3}, "ValueError: 3 bins"), ({"bins": 8003}, "ValueError: counts that do not fit"), ({"step": 0}, "ValueError: bins of width 0.0"),
    ({"step": -1}, "ValueError: bins of width -1.0"),
    ({"range": None}, "ValueError: bins of width 1.0"), ({"range": [2, 1]}, "ValueError: 2.0 > 1.0"), ({"channels": 3}, "ValueError: 16 bytes for 3 channels"),
    ({"channels": None}, "ValueError: 16 bytes belong to no histogram"), ({"per_channel": -1}, "ValueError: -1 is no count"),
    ({"per_channel": 0}, "ValueError: extrema of channels that do not fit"),
    ({"per_channel": 1.5}, "ValueError: 1.5 is no count"), ({"step": float("nan")}, "ValueError: nan is not finite"), ({"bytes": 1}, ""),
])
def test_contents_that_make_no_sense(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    counts = zlib.compress(np.arange(FIRST_BINS, dtype="<i8").tobytes())
    entry = {**GOOD, "bytes": len(counts)}
    manifest = {"fingerprint": "", "examples": 1, "batches": 1, "mode": "mse", "parameters": {}, "chosen": []}
    arrays = counts + np.zeros(2).tobytes()
    path = tmp_path / "table.cal"
    path.write_bytes(sealed({**manifest, "histograms": [entry]}, arrays))
    assert CalibrationTable.load(path).histograms["a"].counts[:3].tolist() == [0, 1, 2]
    assert message in load_error(path, sealed({**manifest, "histograms": [{**entry, **changed}]}, arrays))
    assert "unknown calibration mode 'max'" in load_error(path, sealed({**manifest, "mode": "max", "histograms": []}))
    for lows_highs in ([1, 0], [-np.inf, 0], [0, np.nan]):
        wrong = counts + np.zeros(1).tobytes() + np.array(lows_highs, "<f4").tobytes()
        assert "ValueError: extrema of channels that do not fit" in load_error(path, sealed({**manifest, "histograms": [entry]}, wrong))


def test_counts_whose_sums_leave_64_bits(tmp_path: Path) -> None:
    for count, fits in ((1 << 46, True), (1 << 50, False)):
        counts = zlib.compress(np.full(FIRST_BINS, count, "<i8").tobytes())
        entry = {**GOOD, "channels": None, "per_channel": 0, "bytes": len(counts)}
        manifest = {"fingerprint": "", "examples": 1, "batches": 1, "mode": "percentile", "parameters": {}, "chosen": [], "histograms": [entry]}
        (tmp_path / "table.cal").write_bytes(sealed(manifest, counts))
        if fits:
            assert list(CalibrationTable.load(tmp_path / "table.cal").ranges()) == ["a"]
        else:
            assert "ValueError: counts that do not fit" in load_error(tmp_path / "table.cal", sealed(manifest, counts))


def test_histograms_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_MOST_BYTES", 3 * 8 * FIRST_BINS)
    counts = zlib.compress(np.ones(FIRST_BINS, "<i8").tobytes())
    entries = [{**GOOD, "name": name, "channels": None, "per_channel": 0, "bytes": len(counts)} for name in "abcd"]
    manifest = {"fingerprint": "", "examples": 1, "batches": 1, "mode": "mse", "parameters": {}, "chosen": [], "histograms": entries}
    assert "ValueError: histograms of more than 192024 bytes" in load_error(tmp_path / "table.cal", sealed(manifest, 4 * counts))


@given(st.data())
@settings(max_examples=60)
def test_mutated_files_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("tables")
    data = bytearray(saved(folder))
    length = int.from_bytes(data[12:16], "little")
    position = draw.draw(st.integers(0, len(data) - 1) | st.integers(_HEADER.size, _HEADER.size + length))
    data[position] ^= draw.draw(st.integers(1, 255))
    load_error(folder / "table.cal", bytes(data))
    if position >= _HEADER.size:  # with a digest that holds, as a hostile file has it
        body = bytes(data[_HEADER.size:])
        (folder / "table.cal").write_bytes(_HEADER.pack(MAGIC, FORMAT, length, hashlib.sha256(body).digest()) + body)
        with contextlib.suppress(ArtifactError):
            CalibrationTable.load(folder / "table.cal")
