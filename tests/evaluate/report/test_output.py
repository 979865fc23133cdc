"""Files of tables: new, overwritten, appended to; whole or not at all."""

import errno
import json
import os
from pathlib import Path
from typing import NoReturn

import pytest

from ngc.errors import ArtifactError, EvaluationError
from ngc.evaluate.report.output import Output, format_of
from ngc.evaluate.report.table import Table

TABLE = Table(("a", "b"), (("x", 1), ("y", 2)))


def written(path: Path, format: str, table: Table = TABLE, **options: bool) -> str:
    """Returns what is in the file after a table went there."""
    output = Output(path, format, **options)
    output.check()
    output.write(table)
    return path.read_text()


def test_a_new_file_and_another_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    assert written(path, "csv") == "a,b\nx,1\ny,2\n"
    assert written(path, "csv", Table(("c",), ((3,),)), overwrite=True) == "c\n3\n"
    assert [found.name for found in tmp_path.iterdir()] == ["t.csv"]


def test_appended_csv_has_one_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    assert written(path, "csv", append=True) == "a,b\nx,1\ny,2\n"
    assert written(path, "csv", append=True) == "a,b\nx,1\ny,2\nx,1\ny,2\n"
    assert written(path, "csv", append=True, header=False).count("a,b") == 1


def test_csv_without_a_header_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    written(path, "csv", header=False)
    assert written(path, "csv", append=True, header=False) == "x,1\ny,2\nx,1\ny,2\n"


def test_appending_completes_a_last_line_and_fills_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\nz,0")
    assert written(path, "csv", append=True) == "a,b\nz,0\nx,1\ny,2\n"
    path.write_text("")
    assert written(path, "csv", append=True) == "a,b\nx,1\ny,2\n"


def test_appended_json_is_one_list(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    written(path, "json", append=True)
    assert json.loads(written(path, "json", append=True)) == [{"a": "x", "b": 1}, {"a": "y", "b": 2}] * 2


@pytest.mark.parametrize(("content", "format", "message"), [
    (b"a,c\nx,1\n", "csv", "cannot append to FILE: its columns are others (b, c)"),
    (b"b,a\nx,1\n", "csv", "cannot append to FILE: its columns are others (their order)"),
    (b"c,d,e,f\n", "csv", "cannot append to FILE: its columns are others (a, b, c, d, ...)"),
    (b'[{"a": 1, "b": 2}]', "csv", "cannot append to FILE: its columns are others ( \"b\": 2}], [{\"a\": 1, a, b)"),
    (b'"a"x,b\n', "csv", "cannot append to FILE: it is not CSV (',' expected after '\"')"),
    (b"a,b\nx,1\n", "json", "cannot append to FILE: it is not JSON (Expecting value: line 1 column 1 (char 0))"),
    (b'{"a": 1}', "json", "cannot append to FILE: it is no list of rows, as --format json writes it"),
    (b"[1]", "json", "cannot append to FILE: it is no list of rows, as --format json writes it"),
    (b'[{"a": 1}]', "json", "cannot append to FILE: its columns are others (b)"),
    (b"\xff\xfe", "csv", "cannot append to FILE: it is no text"),
])  # fmt: skip
def test_what_is_there_does_not_fit(tmp_path: Path, content: bytes, format: str, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(EvaluationError) as caught:
        written(path, format, append=True)
    assert str(caught.value) == message.replace("FILE", str(path))
    assert path.read_bytes() == content


@pytest.mark.parametrize(("output", "message"), [
    (Output(Path("x.csv"), "csv", overwrite=True, append=True), "--overwrite and --append contradict each other; give one of them"),
    (Output(Path("x.txt"), "table", append=True), "--append adds rows to csv or json; give --format csv or --format json"),
    (Output(None, "csv", append=True), "--append is about a file; give it as --output"),
    (Output(None, "csv", overwrite=True), "--overwrite is about a file; give it as --output"),
])  # fmt: skip
def test_contradictory_options(output: Output, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        output.check()
    assert str(caught.value) == message


def test_what_is_there_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("precious")
    with pytest.raises(EvaluationError) as caught:
        Output(path, "csv").check()
    assert str(caught.value) == f"{path} exists; give --overwrite to replace it, or --append to add to it"
    with pytest.raises(EvaluationError) as caught:
        Output(path, "table").check()
    assert str(caught.value) == f"{path} exists; give --overwrite to replace it"
    with pytest.raises(EvaluationError) as caught:
        Output(tmp_path, "csv", overwrite=True).check()
    assert str(caught.value) == f"{tmp_path} is no file; give the path of a file as --output"


@pytest.mark.parametrize("append", [True, False])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, append: bool) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")

    def full(handle: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError) as caught:
        written(path, "csv", overwrite=not append, append=append)
    assert str(caught.value) == f"cannot write {path}: No space left on device; choose a folder that exists, is writable and has room (nothing was changed)"
    assert path.read_text() == "a,b\n"
    assert [found.name for found in tmp_path.iterdir()] == ["t.csv"]


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot write .*t\.csv: No such file or directory"):
        written(tmp_path / "missing" / "t.csv", "csv")


@pytest.mark.parametrize(("format", "path", "meant"), [
    ("", None, "table"), ("", Path("x"), "table"), ("", Path("x.txt"), "table"), ("", Path("x.CSV"), "csv"), ("", Path("x.json"), "json"),
    ("json", Path("x.csv"), "json"), ("csv", Path("x.dat"), "csv"),
])  # fmt: skip
def test_format(format: str, path: Path | None, meant: str) -> None:
    assert format_of(format, path) == meant


@pytest.mark.parametrize(("format", "path", "message"), [
    ("xml", None, "no format 'xml'; there are table, json, csv"),
    ("", Path("x.cvs"), "the extension .cvs of x.cvs means no format; .txt, .json and .csv do, or give --format (table, json, csv)"),
])  # fmt: skip
def test_no_format(format: str, path: Path | None, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        format_of(format, path)
    assert str(caught.value) == message
