"""ngc, with its defaults."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from bench.engines import Job


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{}]


def prepare(job: Job) -> str:
    """Imports what compiling needs; returns the version."""
    for module in ("ngc.driver", "ngc.codegen.llvm.build", "ngc.runtime"):
        import_module(module)
    import ngc

    return ngc.__version__


def build(job: Job, x: np.ndarray) -> Callable[[], Any]:
    """Returns a function that runs the model once on `x` and returns its first output."""
    import ngc

    executable = ngc.compile(job.prefix, shapes={"data": job.shape}, precision=job.precision, threads=job.threads)
    feeds = {"data": x}
    return lambda: executable.run(feeds)[0]
