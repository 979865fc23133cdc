"""What runs on the machines of a cluster: loads the model once, opens the data set, evaluates parts."""

import hashlib
import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ngc.errors import EvaluationError, NgcError
from ngc.evaluate.inputs import Dataset, Loader, Sample
from ngc.evaluate.parts import Part
from ngc.evaluate.records import PartResult, Span
from ngc.evaluate.run.engine import Build, LocalEngine
from ngc.evaluate.run.job import Job, local_runner
from ngc.evaluate.scale.assignment import Assignment, processor, software
from ngc.evaluate.trace import Tracer

Observed = tuple[Sequence[Sample], np.ndarray]
"""Inputs of a batch, and their probabilities (inputs, classes)."""


@dataclass(frozen=True)
class Ready:
    """What a worker says when it has begun.

    Attributes:
        host: its machine's name.
        pid: of its process.
        processor: what code that is compiled there depends on.
        spans: of its first steps.
    """

    host: str
    pid: int
    processor: str
    spans: tuple[Span, ...]


class Worker:
    """An actor of Ray. `prepare` is called first, then `evaluate` for one part after another."""

    def prepare(self, assignment: Assignment, artifact: np.ndarray) -> Ready:
        """Loads the model, opens the data set, and computes something of which nothing is kept.

        Args:
            assignment: what is evaluated.
            artifact: the bytes of the saved executable (uint8), in the memory that Ray shares among the processes of a node.

        Raises:
            EvaluationError: this machine cannot take part: other software, another processor, no data set or another one. The message names it.
        """
        host = socket.gethostname()
        try:
            return self._prepare(assignment, artifact, host)
        except NgcError as error:
            raise EvaluationError(f"the worker on {host}: {error}") from error

    def evaluate(self, part: Part) -> tuple[PartResult, list[Observed]]:
        """Returns the result of a part, and what was observed.

        Raises:
            EvaluationError: an input failed, and failures are to end the evaluation.
        """
        self._observed: list[Observed] = []
        (result,) = self._runner.results([part])
        return result, self._observed

    def _prepare(self, assignment: Assignment, artifact: np.ndarray, host: str) -> Ready:
        _check_software(assignment.software)
        dataset = _open(assignment)
        job = assignment.job(dataset=dataset)
        engine = _load(artifact, assignment, job)
        tracer = Tracer(job.trace_level, origin=assignment.origin)
        loader = Loader(dataset, job.preprocessing, job.workers or assignment.threads)
        observers = (self._observe,) if assignment.observed else ()
        self._runner = local_runner(job, engine, loader, tracer, _ignore, *observers)
        self._runner.warm_up()
        return Ready(host, os.getpid(), processor(), tracer.drain())

    def _observe(self, samples: Sequence[Sample], probabilities: np.ndarray) -> None:
        self._observed.append((samples, probabilities))


def _check_software(wanted: dict[str, str]) -> None:
    here = software()
    different = [f"{name} {here[name]} instead of {wanted[name]}" for name in wanted if here[name] != wanted[name]]
    if different:
        raise EvaluationError(f"has {', '.join(different)}; results would not be those of one process: install the same versions on all nodes")


def _open(assignment: Assignment) -> Dataset:
    dataset = assignment.open_dataset()
    if dataset.digest() != assignment.dataset_digest:
        raise EvaluationError(f"{dataset.name} is another data set than the driver's: names, sizes, times of change or classes of its {len(dataset)} inputs "
                              "differ; all nodes read the same path, on shared storage or in copies that keep the times (cp -p, rsync -t)")
    return dataset


def _load(artifact: np.ndarray, assignment: Assignment, job: Job) -> LocalEngine:
    """Returns the engine of a saved executable. Its file is gone afterwards; the memory that it is mapped to stays."""
    if hashlib.sha256(artifact.data).hexdigest() != assignment.artifact_digest:
        raise EvaluationError("the saved executable arrived damaged")
    with tempfile.TemporaryDirectory(prefix="ngc-eval-") as folder:
        path = Path(folder, "model.ngc")
        try:
            path.write_bytes(artifact.data)
        except OSError as error:
            raise EvaluationError(f"the saved executable cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}") from error
        return LocalEngine.load(path, job.manifest, Build(threads=assignment.threads))


def _ignore(inputs: int) -> None:
    """Progress is shown by the driver, part by part."""
