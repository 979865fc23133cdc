"""ngc, with its defaults."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from bench.calibration import split
from bench.engines import Job, NotOffered


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{}]


def prepare(job: Job) -> str:
    """Imports what compiling needs, or what loading needs; returns the version."""
    for module in ("ngc.runtime",) if job.artifact else ("ngc.driver", "ngc.codegen.llvm.build", "ngc.runtime"):
        import_module(module)
    import ngc

    return ngc.__version__


def compile_model(job: Job) -> Any:
    """Returns the executable.

    Raises:
        NotOffered: ngc has no such precision, or not for this processor.
    """
    import ngc

    calibration = _batches(job) if job.calibration else None
    try:
        return ngc.compile(job.prefix, shapes=dict(job.shapes), dtypes=dict(job.dtypes), precision=job.precision, calibration=calibration, threads=job.threads)
    except ngc.EngineError as error:
        raise NotOffered(str(error)) from error


def runner(job: Job, model: Any, feeds: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Returns a function that runs the model once and returns its outputs."""
    return lambda: model.run(feeds)


def _batches(job: Job) -> list[dict[str, np.ndarray]]:
    return [{"data": batch} for batch in split(np.load(job.calibration), job.shape[0])]


def save(job: Job, model: Any, path: str) -> None:
    """Writes the artifact."""
    model.save(path)


def load(job: Job, path: str) -> Any:
    """Returns the executable of an artifact."""
    import ngc

    return ngc.load(path, threads=job.threads)
