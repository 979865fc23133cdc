"""Files of traces: JSON lines, one span a line, written as soon as a span ends.

A line is written with one call of the system, so a process that is killed leaves whole lines, but for a last one that the system had only taken a part of.
"""

import json
import logging
import os
import threading
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from ngc.errors import EvaluationError
from ngc.evaluate.records import Span

_logger = logging.getLogger(__name__)

_BLOCK = 1 << 16
"""Bytes that are looked at in one go for the end of a line."""


class TraceFile:
    """A file that spans are added to, from any thread; what is there already stays, but for a last line that is not whole."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and makes it and its folder where they are missing.

        Raises:
            EvaluationError: it cannot be opened.
        """
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115  # open as long as its tracer
            self._file.truncate(_end_of_lines(self._file))
        except OSError as error:
            raise EvaluationError(f"the trace cannot be written to {path}: {error.strerror}") from error

    def write(self, spans: Iterable[Span]) -> None:
        """Adds spans.

        Raises:
            EvaluationError: they cannot be written: the disk is full, for example.
        """
        lines = "".join(f"{json.dumps(span.to_json())}\n" for span in spans).encode()
        with self._lock:
            try:
                while lines:
                    lines = lines[self._file.write(lines):]
            except OSError as error:
                raise EvaluationError(f"the trace cannot be written to {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_trace(path: str | os.PathLike[str]) -> list[Span]:
    """Returns the spans of a file, in the order in which they ended. A last line that is not whole is left out, with a warning.

    Raises:
        EvaluationError: the file cannot be read, or a line is no span.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise EvaluationError(f"the trace {os.fspath(path)} cannot be read: {error.strerror}") from error
    whole = _whole_lines(data)
    if whole < len(data):
        _logger.warning("the last line of the trace %s is not whole: whoever wrote it was interrupted", os.fspath(path))
    spans = []
    for number, line in enumerate(data[:whole].splitlines(), 1):
        try:
            spans.append(Span.from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(f"line {number} of the trace {os.fspath(path)} is no span: {error!r}") from error
    return spans


def _end_of_lines(file: FileIO) -> int:
    """Returns how many bytes the lines of a file have that end as lines do; it is read from its end on, as traces with layers have gigabytes."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        if whole := _whole_lines(file.read(end - begin)):
            return begin + whole
        end = begin
    return 0


def _whole_lines(data: bytes) -> int:
    """Returns how many bytes the lines have that end as lines do."""
    return data.rfind(b"\n") + 1
