"""What evaluates parts: this process, or the workers of a Ray cluster."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ngc.evaluate.inputs import Loader, Sample
from ngc.evaluate.records import RAY
from ngc.evaluate.run.engine import LocalEngine
from ngc.evaluate.run.job import Job, local_runner
from ngc.evaluate.run.runner import PartRunner
from ngc.evaluate.trace import Tracer

if TYPE_CHECKING:
    from ngc.evaluate.scale import Cluster

Observe = Callable[[Sequence[Sample], np.ndarray], None]
"""Is given the inputs of each batch, and their probabilities."""


@contextmanager
def cluster_of(args: argparse.Namespace) -> "Iterator[Cluster | None]":
    """Gives the cluster of --engine=ray, which is connected to when it is needed; None for the local engine.

    Raises:
        EvaluationError: Ray is not installed.
    """
    if args.engine != RAY:
        yield None
        return
    from ngc.evaluate.scale import Cluster, import_ray  # Ray is an optional package

    import_ray()  # before a model is compiled for it
    with Cluster(args.ray_address, args.ray_workers) as cluster:
        yield cluster


@contextmanager
def runner_of(
    cluster: "Cluster | None", job: Job, engine: LocalEngine, tracer: Tracer, advance: Callable[[int], None], observe: Observe | None
) -> Iterator[PartRunner]:
    """Gives what evaluates a job's parts: on a cluster, or in this process."""
    if cluster is None:
        with Loader(job.dataset, job.preprocessing, job.workers) as loader:
            yield local_runner(job, engine, loader, tracer, advance, *((observe,) if observe else ()))
        return
    from ngc.evaluate.scale import RayRunner

    with RayRunner(cluster, job, engine, tracer, advance, observe) as runner:
        yield runner
