"""Files of results."""

import errno
import json
import os
from pathlib import Path

import pytest

from ngc.errors import ArtifactError, EvaluationError
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.run.files import results_folder, trace_file, write_results
from tests.evaluate.run.doubles import evaluation


def test_the_folder_is_laid_out_as_the_agents_do(tmp_path: Path) -> None:
    folder = results_folder(tmp_path, evaluation(framework_version=">=1.1.0", target="cpu:x86-64-v3", model_name="../a b"))
    assert folder.relative_to(tmp_path) == Path("MXNet/1.1.0/a_b/1.0/4/cpu_x86-64-v3_fp32/here")
    assert folder.is_dir()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "MXNet").touch()
    with pytest.raises(EvaluationError, match=f"^--base_dir: cannot make the folder {tmp_path}/MXNet/1.9.1/.*: Not a directory$"):
        results_folder(tmp_path, evaluation())


def test_a_trace_replaces_the_last_one_unless_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "trace_model_trace.jsonl"
    path.write_text("old")
    assert trace_file(tmp_path, TraceLevel.NO_TRACE) is None
    assert trace_file(tmp_path, TraceLevel.MODEL_TRACE, goes_on=True) == path
    assert path.read_text() == "old"
    assert trace_file(tmp_path, TraceLevel.MODEL_TRACE) == path
    assert not path.exists()


def test_results_are_json(tmp_path: Path) -> None:
    write_results(tmp_path, evaluation(), {"top1_accuracy": None})
    assert json.loads((tmp_path / "results.json").read_text()) == {"top1_accuracy": None}
    assert json.loads((tmp_path / "system_info.json").read_text())["hostname"] == "here"


def test_a_full_disk_is_said_and_older_results_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "results.json").write_text("older")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match=rf"^cannot write {tmp_path}/system_info.json: No space left on device; "):
        write_results(tmp_path, evaluation(), {})
    assert (tmp_path / "results.json").read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
