"""What workers are told: the evaluation, without what they open and load themselves."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

import ngc
from ngc.errors import EvaluationError
from ngc.evaluate.inputs import Dataset
from ngc.evaluate.run.engine import LocalEngine
from ngc.evaluate.run.job import Job


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a worker is told; it is pickled.

    Attributes:
        job: makes the job of a data set.
        open_dataset: opens the data set.
        dataset_digest: of the data set, as the driver has it.
        artifact_digest: SHA-256 of the saved executable.
        threads: that share a batch.
        software: versions by package; see `software`.
        origin: what the worker's trace goes on from; see `Tracer`.
        observed: whether probabilities are returned too.
    """

    job: Callable[..., Job]
    open_dataset: Callable[[], Dataset]
    dataset_digest: str
    artifact_digest: str
    threads: int
    software: dict[str, str]
    origin: str
    observed: bool


def assign(job: Job, engine: LocalEngine, *, origin: str, observed: bool) -> tuple[Assignment, np.ndarray]:
    """Returns what workers are told of a job, and the bytes of the saved executable (uint8).

    Raises:
        EvaluationError: the data set cannot be opened again.
        ArtifactError: there is no room to save the executable.
    """
    if job.opener is None:
        raise EvaluationError(f"the data set {job.dataset.name} exists in this process only; workers open it themselves")
    with tempfile.TemporaryDirectory(prefix="ngc-eval-") as folder:
        engine.executable.save(path := Path(folder, "model.ngc"))
        artifact = np.fromfile(path, np.uint8)
    make = partial(Job, **{each.name: getattr(job, each.name) for each in fields(Job) if each.name not in ("dataset", "opener")})
    assignment = Assignment(job=make, open_dataset=job.opener, dataset_digest=job.dataset.digest(), artifact_digest=hashlib.sha256(artifact.data).hexdigest(),
                            threads=engine.executable.threads, software=software(), origin=origin, observed=observed)
    return assignment, artifact


def software() -> dict[str, str]:
    """Returns the versions of what results depend on besides the model's code: what reads and decodes, and what computes probabilities."""
    return {"ngc": ngc.__version__, "numpy": np.__version__, "pillow": version("pillow")}


def processor() -> str:
    """Returns what code that is compiled on this machine depends on."""
    from ngc.target import host_target

    return host_target().identity
