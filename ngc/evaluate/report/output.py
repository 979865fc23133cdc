"""Where tables go: to stdout, or whole and at once into a file that is new, overwritten or appended to."""

import csv
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ngc.errors import EvaluationError
from ngc.evaluate.report.formats import FORMATS, json_list, json_rows, render
from ngc.evaluate.report.table import Table

_APPENDABLE = ("csv", "json")

_SUFFIXES = {"": "table", ".txt": "table", ".csv": "csv", ".json": "json"}


@dataclass(frozen=True)
class Output:
    """What becomes of a table.

    Attributes:
        path: of the file; None for stdout.
        format: of FORMATS; another one for what is no table.
        overwrite: whether a file that is there is replaced.
        append: whether rows are added to a file that is there.
        header: whether names of columns are written.
    """

    path: Path | None
    format: str
    overwrite: bool = False
    append: bool = False
    header: bool = True

    def check(self) -> None:
        """Refuses what cannot be written, before anything is computed.

        Raises:
            EvaluationError: the file is there and may be neither overwritten nor appended to, is none, or the options contradict each other.
        """
        if self.overwrite and self.append:
            raise EvaluationError("--overwrite and --append contradict each other; give one of them")
        if self.append and self.format not in _APPENDABLE:
            raise EvaluationError("--append adds rows to csv or json; give --format csv or --format json")
        if (self.overwrite or self.append) and self.path is None:
            raise EvaluationError(f"--{'overwrite' if self.overwrite else 'append'} is about a file; give it as --output")
        if self.path is not None and self.path.exists():
            if not self.path.is_file():
                raise EvaluationError(f"{self.path} is no file; give the path of a file as --output")
            if not (self.overwrite or self.append):
                further = ", or --append to add to it" if self.format in _APPENDABLE else ""
                raise EvaluationError(f"{self.path} exists; give --overwrite to replace it{further}")

    def write(self, table: Table) -> None:
        """Writes a table.

        Raises:
            EvaluationError: it cannot be appended to what is there.
            ArtifactError: the file cannot be written; nothing was changed then.
        """
        if self.append and self.path is not None and self.path.exists():
            self.write_text(_appended(self.path, table) if self.format == "json" else _appended_csv(self.path, table, self.header))
        else:
            self.write_text(render(table, self.format, header=self.header))

    def write_text(self, text: str) -> None:
        """Writes a text, which replaces what is there."""
        if self.path is None:
            sys.stdout.write(text)
        else:
            write_file(self.path, text.encode())


def write_file(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        ArtifactError: it cannot be written; what was there still is.
    """
    from ngc.runtime.artifact_file import write_whole  # with the runtime, which what prints to stdout can do without

    write_whole(path, [data])


def format_of(format: str, path: Path | None) -> str:
    """Returns the format that was asked for, or what the file's extension means.

    Raises:
        EvaluationError: the format is unknown, or the extension means none.
    """
    if format:
        if format not in FORMATS:
            raise EvaluationError(f"no format {format!r}; there are {', '.join(FORMATS)}")
        return format
    suffix = path.suffix.lower() if path else ""
    if suffix not in _SUFFIXES:
        raise EvaluationError(f"the extension {suffix} of {path} means no format; .txt, .json and .csv do, or give --format ({', '.join(FORMATS)})")
    return _SUFFIXES[suffix]


def _appended(path: Path, table: Table) -> str:
    try:
        rows: Any = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise EvaluationError(f"cannot append to {path}: it is not JSON ({error})") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise EvaluationError(f"cannot append to {path}: it is no list of rows, as --format json writes it")
    for row in rows:
        _check_columns(path, tuple(row), table)
    return json_list([*rows, *json_rows(table)]) + "\n"


def _appended_csv(path: Path, table: Table, header: bool) -> str:
    """Returns the rows of a file and those of a table. A file without rows gets the names of columns; one that was written without them keeps doing without."""
    text = _read(path)
    try:
        first = next(csv.reader(io.StringIO(text), strict=True), None)
    except csv.Error as error:
        raise EvaluationError(f"cannot append to {path}: it is not CSV ({error})") from error
    if first is None:
        return render(table, "csv", header=header)
    if header or len(first) != len(table.columns):
        _check_columns(path, tuple(first), table)
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}{render(table, 'csv', header=False)}"


def _check_columns(path: Path, columns: tuple[str, ...], table: Table) -> None:
    if columns != table.columns:
        others = sorted(set(columns) ^ set(table.columns))
        raise EvaluationError(f"cannot append to {path}: its columns are others ({', '.join(others[:4]) or 'their order'}{', ...' if len(others) > 4 else ''})")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # as it is, also line breaks within cells
    except UnicodeDecodeError as error:
        raise EvaluationError(f"cannot append to {path}: it is no text") from error
    except OSError as error:
        raise EvaluationError(f"cannot append to {path}: {error.strerror}") from error
