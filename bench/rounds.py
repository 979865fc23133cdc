"""Runs jobs side by side: each in a worker process of its own, in rounds that alternate, so that a machine's noise hits all alike."""

import contextlib
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np

from bench.engines import ENGINES, Job, NotOffered
from bench.engines.process import Worker, WorkerFailed

_TRIAL_ROUNDS = 4
"""Rounds for each setting of an engine that has several."""


@dataclass(frozen=True)
class Loaded:
    """What a process told that loaded a saved model.

    Attributes:
        seconds: from the file to the first answer.
        peak_rss_mb: the most memory that the process held.
    """

    seconds: float
    peak_rss_mb: float


@dataclass(frozen=True)
class Runs:
    """What one job's worker told.

    Attributes:
        version: of the engine.
        times: milliseconds of all counted runs.
        answers: the outputs of the first run.
        compile_s: seconds from the model's files to that answer.
        peak_rss_mb: the most memory that the process held.
        loaded: the same model saved and loaded in another process; None where the engine saves none.
    """

    version: str
    times: list[float]
    answers: list[np.ndarray]
    compile_s: float
    peak_rss_mb: float
    loaded: Loaded | None = None


def alternate(jobs: Mapping[str, Job], rounds: int, seconds: float, scratch: Path, step: Callable[[str], None]) -> tuple[dict[str, Runs], dict[str, str]]:
    """Returns the runs by the jobs' names, and why those without any have none.

    Args:
        jobs: what to run, by names that also name the log files in `scratch`.
        rounds: how many each job has.
        seconds: how long a round lasts at least.
        scratch: a folder for the logs.
        step: called with a job's name before it is built, and with "" after each round of all jobs.
    """
    missing: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name, job in jobs.items():
            step(name)
            try:
                workers[name] = stack.enter_context(_quickest(job, scratch / f"{name}.log", seconds))
            except (NotOffered, WorkerFailed) as error:
                missing[name] = str(error)
        times: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(rounds):
            for name, worker in workers.items():
                times[name] += worker.round(seconds)
            step("")
        loaded: dict[str, Loaded | None] = {}
        for name, worker in workers.items():
            try:
                loaded[name] = _load(worker, scratch, seconds)
            except WorkerFailed as error:
                missing[f"{name}, loaded"] = str(error)
        return {name: Runs(worker.version, times[name], worker.answers, worker.compile_s, worker.peak_rss_mb, loaded.get(name))
                for name, worker in workers.items()}, missing  # fmt: skip


def _quickest(job: Job, log: Path, seconds: float) -> Worker:
    """Returns a worker with the quickest of the engine's settings."""
    settings = import_module(ENGINES[job.engine]).environments(job)
    if len(settings) == 1:
        return Worker(job, log)
    with contextlib.ExitStack() as stack:
        trials = [stack.enter_context(Worker(replace(job, setting=index), log)) for index in range(len(settings))]
        times: list[list[float]] = [[] for _ in trials]
        for _ in range(_TRIAL_ROUNDS):  # in turns, as the jobs are measured
            for runs, worker in zip(times, trials, strict=True):
                runs += worker.round(seconds)
        best = trials.pop(int(np.argmin([statistics.median(runs) for runs in times])))
        stack.pop_all()
    for worker in trials:
        worker.close()
    return best


def _load(worker: Worker, scratch: Path, seconds: float) -> Loaded | None:
    """Returns what a process takes that loads the worker's model and runs it for a round, None where the engine saves no models."""
    path = scratch / "model"
    if not worker.save(path):
        return None
    with Worker(replace(worker.job, artifact=str(path)), scratch / "loaded.log") as other:
        other.round(seconds)
        return Loaded(other.compile_s, other.peak_rss_mb)
