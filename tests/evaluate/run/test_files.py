"""Files of results."""

import json
from pathlib import Path

import pytest

from ngc.errors import EvaluationError
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


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "results.json").symlink_to("/dev/full")
    with pytest.raises(EvaluationError, match=rf"^cannot write {tmp_path}/results.json: No space left on device$"):
        write_results(tmp_path, evaluation(), {})
