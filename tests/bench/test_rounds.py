"""Tests of how jobs take turns, with workers that are made up."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bench import rounds
from bench.engines import Job, NotOffered
from bench.engines.process import WorkerFailed

LOG: list[str] = []


@dataclass
class FakeWorker:
    """Stands for a process: MXNet's second setting of three is the quickest, ngc saves models, and OpenVINO's cannot be loaded again."""

    job: Job
    log: Path
    version: str = "1"
    compile_s: float = 0.5
    peak_rss_mb: float = 100.0
    answers: list[np.ndarray] = field(default_factory=lambda: [np.zeros(1)])

    def __post_init__(self) -> None:
        if self.job.engine == "torch":
            raise NotOffered("not there")
        if self.job.artifact and self.job.engine == "openvino":
            raise WorkerFailed("broken blob")
        LOG.append(f"start {self.name}")

    @property
    def name(self) -> str:
        return f"{self.job.engine}{self.job.setting}{' loaded' if self.job.artifact else ''}"

    def round(self, seconds: float) -> list[float]:
        LOG.append(f"round {self.name}")
        return [2.0 if self.job.setting == 1 else 3.0]

    def save(self, path: Path) -> bool:
        return self.job.engine in ("ngc", "openvino")

    def close(self) -> None:
        LOG.append(f"close {self.name}")

    def __enter__(self) -> "FakeWorker":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    LOG.clear()
    monkeypatch.setattr(rounds, "Worker", FakeWorker)


def run(tmp_path: Path, *engines: str) -> tuple[dict[str, rounds.Runs], dict[str, str]]:
    jobs = {engine: Job(engine, "", "", {"data": (1,)}, "", "fp32", 2, (0, 1)) for engine in engines}
    return rounds.alternate(jobs, 2, 0.1, tmp_path, lambda name: None)


def test_jobs_take_turns(tmp_path):
    found, missing = run(tmp_path, "onnxruntime", "ngc")
    assert LOG[:6] == ["start onnxruntime0", "start ngc0", "round onnxruntime0", "round ngc0", "round onnxruntime0", "round ngc0"]
    assert found["ngc"].times == [3.0, 3.0]
    assert not missing


def test_the_quickest_setting_is_kept_as_it_runs_and_the_others_end(tmp_path):
    found, _ = run(tmp_path, "mxnet")
    assert found["mxnet"].times == [2.0, 2.0]
    assert [entry for entry in LOG if not entry.startswith("round")] == [
        "start mxnet0", "start mxnet1", "start mxnet2", "close mxnet0", "close mxnet2", "close mxnet1"]  # fmt: skip


def test_saved_models_are_loaded_after_the_rounds(tmp_path):
    found, missing = run(tmp_path, "ngc", "onnxruntime")
    assert LOG[-5:] == ["start ngc0 loaded", "round ngc0 loaded", "close ngc0 loaded", "close onnxruntime0", "close ngc0"]
    assert found["ngc"].loaded == rounds.Loaded(0.5, 100.0)
    assert found["onnxruntime"].loaded is None
    assert not missing


def test_what_fails_is_told_and_costs_nothing_else(tmp_path):
    found, missing = run(tmp_path, "torch", "openvino", "ngc")
    assert missing == {"torch": "not there", "openvino, loaded": "broken blob"}
    assert found["openvino"].loaded is None
    assert found["openvino"].times == [3.0, 3.0]
    assert set(found) == {"openvino", "ngc"}
