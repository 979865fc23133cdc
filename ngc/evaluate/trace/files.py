"""Files of traces: JSON lines, one span a line, written as soon as a span ends.

A line is written with one call of the system, so a process that is killed leaves whole lines, but for a last one that the system had only taken a part of.
"""

import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ngc.errors import EvaluationError
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Span

_logger = logging.getLogger(__name__)


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
            self._file.truncate(_whole_lines(path.read_bytes()))
        except OSError as error:
            raise EvaluationError(f"the trace cannot be written to {path}: {error.strerror}") from error

    def write(self, spans: Iterable[Span]) -> None:
        """Adds spans.

        Raises:
            EvaluationError: they cannot be written: the disk is full, for example.
        """
        lines = "".join(f"{json.dumps(span_to_json(span))}\n" for span in spans).encode()
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
            spans.append(span_from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationError(f"line {number} of the trace {os.fspath(path)} is no span: {error!r}") from error
    return spans


def span_to_json(span: Span) -> dict[str, Any]:
    """Returns a span as JSON's types."""
    return {"name": span.name, "level": span.level.name, "trace_id": span.trace_id, "span_id": span.span_id, "parent_id": span.parent_id,
            "begin_ns": span.begin_ns, "end_ns": span.end_ns, "attributes": dict(span.attributes)}


def span_from_json(data: Mapping[str, Any]) -> Span:
    """Returns what `span_to_json` made JSON of; KeyError, TypeError or ValueError where it is something else."""
    attributes = {str(key): tuple(value) if isinstance(value, list) else value for key, value in dict(data["attributes"]).items()}
    return Span(str(data["name"]), TraceLevel[data["level"]], str(data["trace_id"]), str(data["span_id"]), str(data["parent_id"]), int(data["begin_ns"]),
                int(data["end_ns"]), attributes)


def _whole_lines(data: bytes) -> int:
    """Returns how many bytes the lines have that end as lines do."""
    return data.rfind(b"\n") + 1
