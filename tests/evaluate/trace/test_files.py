"""Files of traces: what is written comes back, whoever writes may die, and what is no trace is refused."""

import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EvaluationError
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Span
from ngc.evaluate.trace import Tracer, files, read_trace
from ngc.evaluate.trace.files import TraceFile
from tests.evaluate.trace.spans import make_span

ROOT = Path(__file__).parents[3]
VALUES = st.one_of(st.booleans(), st.integers(-(1 << 62), 1 << 62), st.floats(allow_nan=False), st.text(), st.lists(st.text()).map(tuple))
SPANS = st.builds(Span, st.text(), st.sampled_from(TraceLevel), st.just("ab" * 16), st.just("cd" * 8), st.sampled_from(["", "ef" * 8]), st.integers(0, 1 << 62),
                  st.integers(0, 1 << 62), st.dictionaries(st.text(), VALUES, max_size=4))


@given(spans=st.lists(SPANS, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, spans: list[Span]) -> None:
    path = tmp_path_factory.mktemp("traces") / "trace.jsonl"
    file = TraceFile(path)
    file.write(spans[:2])
    file.write(spans[2:])
    file.close()
    assert read_trace(path) == spans
    assert path.read_bytes().count(b"\n") == len(spans)  # one span, one line, whatever is in it


def test_every_cut_leaves_the_lines_before_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, cut = tmp_path / "trace.jsonl", tmp_path / "cut.jsonl"
    spans = [make_span(0, 5), make_span(1, 4, name="ü\n")]
    file = TraceFile(path)
    file.write(spans)
    file.close()
    data = path.read_bytes()
    for length in range(len(data) + 1):
        cut.write_bytes(data[:length])
        whole = data[:length].count(b"\n")
        caplog.clear()
        assert read_trace(cut) == spans[:whole]
        expected = [] if length == 0 or data[length - 1] == ord("\n") else [f"the last line of the trace {cut} is not whole: whoever wrote it was interrupted"]
        assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == expected


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_a_long_trace_goes_on_without_being_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(files, "_BLOCK", block)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("read whole"))
    path = tmp_path / "trace.jsonl"
    for data, kept in ((b"one\ntwo\nhal" + b"f" * 100, b"one\ntwo\n"), (b"one\n", b"one\n"), (b"half", b""), (b"", b"")):
        path.write_bytes(data)
        TraceFile(path).close()
        with path.open("rb") as file:
            assert file.read() == kept


def test_a_trace_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "trace.jsonl"
    for name in ("first", "second"):
        with Tracer(TraceLevel.MODEL_TRACE, file=path) as tracer, tracer.span(TraceLevel.MODEL_TRACE, name):
            pass
        with open(path, "ab") as file:
            file.write(b'{"name": "third"')
    with Tracer(TraceLevel.MODEL_TRACE, file=path):
        pass
    assert [span.name for span in read_trace(path)] == ["first", "second"]


def test_a_killed_process_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    script = ("import sys\nfrom pathlib import Path\nfrom ngc.evaluate.levels import TraceLevel\nfrom ngc.evaluate.trace import Tracer\n"
              "tracer = Tracer(TraceLevel.MODEL_TRACE, file=Path(sys.argv[1]))\nindex = 0\n"
              "while True:\n    with tracer.span(TraceLevel.MODEL_TRACE, 'c_predict', index=index):\n        index += 1\n    print(index, flush=True)\n")
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 50:
                break
        process.send_signal(signal.SIGKILL)
        told = [int(line) for line in process.stdout.read().splitlines()]
    spans = read_trace(path)
    assert len(spans) >= max(told, default=50)  # what ended before the kill is there
    assert [span.attributes["index"] for span in spans] == list(range(len(spans)))


def trace_ten_spans(tracer: Tracer) -> None:
    for _ in range(10):
        with tracer.span(TraceLevel.MODEL_TRACE, "span"):
            pass


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """The limit of a file's size stands in for the disk's end: the system takes a part of the line and then none."""
    path = tmp_path / "trace.jsonl"
    with Tracer(TraceLevel.MODEL_TRACE, file=path) as tracer:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(EvaluationError) as raised:
                trace_ten_spans(tracer)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert str(raised.value) == f"the trace cannot be written to {path}: File too large"
    assert path.stat().st_size == 1000
    assert 0 < len(read_trace(path)) < 10


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError) as raised:
        Tracer(TraceLevel.MODEL_TRACE, file=tmp_path)
    assert str(raised.value) == f"the trace cannot be written to {tmp_path}: Is a directory"
    with pytest.raises(EvaluationError) as raised:
        read_trace(tmp_path / "missing")
    assert str(raised.value) == f"the trace {tmp_path / 'missing'} cannot be read: No such file or directory"


@pytest.mark.parametrize("line", ["5", "{}", "not JSON", '{"name": "a", "level": "LOUD"}', "\xff"])
def test_a_line_that_is_no_span_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "trace.jsonl"
    file = TraceFile(path)
    file.write([make_span(0, 1)])
    file.close()
    with open(path, "ab") as added:
        added.write(line.encode("latin-1") + b"\n")
    with pytest.raises(EvaluationError, match=rf"^line 2 of the trace {path} is no span: "):
        read_trace(path)
