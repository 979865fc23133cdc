"""Workers, called in this process: what they say where they cannot take part, and that they evaluate as one process does."""

import re
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.inputs import Loader, open_dataset, synthetic
from ngc.evaluate.run.job import local_runner
from ngc.evaluate.scale import Cluster
from ngc.evaluate.scale import assignment as assignments
from ngc.evaluate.scale.assignment import Assignment, assign, processor
from ngc.evaluate.scale.worker import Observed, Worker
from ngc.evaluate.trace import Tracer
from ngc.target import parse_target
from tests.evaluate.scale.conftest import Digits

WHO = f"the worker on {socket.gethostname()}: "


def refusal(assignment: Assignment, artifact: np.ndarray) -> str:
    """Returns why a worker does not take part."""
    with pytest.raises(EvaluationError) as caught:
        Worker().prepare(assignment, artifact)
    assert str(caught.value).startswith(WHO)
    return str(caught.value).removeprefix(WHO)


def test_a_worker_evaluates_as_one_process_does(digits: Digits) -> None:
    part = digits.job.parts[-1]
    seen: list[Observed] = []
    with Tracer(digits.job.trace_level) as tracer, Loader(digits.job.dataset, digits.job.preprocessing, 1) as loader:
        runner = local_runner(digits.job, digits.engine, loader, tracer, lambda inputs: None, lambda *observed: seen.append(observed))
        (wanted,) = runner.results([part])
    worker = Worker()
    ready = worker.prepare(*assign(digits.job, digits.engine, origin="", observed=True))
    assert ready.processor == processor()
    assert [span.name for span in ready.spans] == ["warm_up"]
    for _ in range(2):  # a part that is done again is what it was
        given, observed = worker.evaluate(part)
        assert (given.part, given.tally, given.predictions) == (wanted.part, wanted.tally, wanted.predictions)
        assert [samples for samples, _ in observed] == [samples for samples, _ in seen]
        assert all(np.array_equal(mine, theirs) for (_, mine), (_, theirs) in zip(observed, seen, strict=True))


def test_probabilities_travel_only_where_they_are_wanted(digits: Digits) -> None:
    worker = Worker()
    worker.prepare(*assign(digits.job, digits.engine, origin="", observed=False))
    assert worker.evaluate(digits.job.parts[0])[1] == []


def test_another_data_set(digits: Digits, tmp_path: Path) -> None:
    with np.load(digits.job.opener.args[0]) as stored:
        np.savez(tmp_path / "digits.npz", images=stored["images"], labels=stored["labels"][::-1])
    assignment, artifact = assign(digits.job, digits.engine, origin="", observed=False)
    assert refusal(replace(assignment, open_dataset=partial(open_dataset, tmp_path / "digits.npz")), artifact) == (
        "digits is another data set than the driver's: names, sizes, times of change or classes of its 450 inputs differ; all nodes read the same path, "
        "on shared storage or in copies that keep the times (cp -p, rsync -t)")


def test_no_data_set(digits: Digits) -> None:
    assignment, artifact = assign(digits.job, digits.engine, origin="", observed=False)
    assert refusal(replace(assignment, open_dataset=partial(open_dataset, "/nowhere/digits.npz")), artifact) == "/nowhere/digits.npz: no such data set"


def test_other_software(digits: Digits) -> None:
    wanted = {**assignments.software(), "numpy": "1.0"}
    assignment, artifact = assign(digits.job, digits.engine, origin="", observed=False)
    assert refusal(replace(assignment, software=wanted), artifact) == (
        f"has numpy {np.__version__} instead of 1.0; results would not be those of one process: install the same versions on all nodes")


def test_a_processor_that_lacks_what_the_code_needs(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    assignment, artifact = assign(digits.job, digits.engine, origin="", observed=False)
    monkeypatch.setattr("ngc.runtime.artifact.host_target", lambda: parse_target("cpu:x86-64"))
    assert re.fullmatch(r"\S+/model\.ngc was compiled for 'cpu' \(.+\) and needs processor features that this machine \(x86-64\) lacks: .+; "
                        r'compile the model on this machine, or for a smaller target such as "cpu:x86-64-v3"', refusal(assignment, artifact))


def test_a_damaged_executable(digits: Digits) -> None:
    assignment, artifact = assign(digits.job, digits.engine, origin="", observed=False)
    artifact[len(artifact) // 2] ^= 1
    assert refusal(assignment, artifact) == "the saved executable arrived damaged"


def test_no_room_for_the_executable(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: object) -> int:
        raise OSError(28, "No space left on device")

    assignment, artifact = assign(digits.job, digits.engine, origin="", observed=False)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert re.fullmatch(r"the saved executable cannot be kept in \S+: No space left on device", refusal(assignment, artifact))


def test_no_parts_need_no_cluster(digits: Digits) -> None:
    evaluated, order = digits.but(parts=()).on(Cluster("nobody:1"))
    assert (evaluated.inputs, order) == (0, [])


def test_a_data_set_of_this_process_alone(digits: Digits) -> None:
    job = digits.but(dataset=synthetic((1, 8, 8), 4), opener=None).job
    with pytest.raises(EvaluationError, match=r"^the data set synthetic exists in this process only; workers open it themselves$"):
        assign(job, digits.engine, origin="", observed=False)
