"""Evaluates parts on the workers of a Ray cluster."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from ngc.errors import EvaluationError
from ngc.evaluate.inputs import Sample
from ngc.evaluate.parts import Part
from ngc.evaluate.records import PartResult
from ngc.evaluate.run.engine import LocalEngine
from ngc.evaluate.run.job import Job
from ngc.evaluate.run.runner import warn_of_failures
from ngc.evaluate.scale.assignment import assign, processor
from ngc.evaluate.scale.cluster import Cluster
from ngc.evaluate.scale.crew import Crew, Member, WorkerLost
from ngc.evaluate.scale.dispatch import Dispatch
from ngc.evaluate.trace import Tracer

_log = logging.getLogger("ngc")

START_S = 300.0
"""How long there may be no worker: clusters that grow with what is asked of them start machines in minutes."""

LATE_S = 30.0
"""How long the first part waits for the other workers when one is ready; those that come later take part from then on."""


class RayRunner:
    """Evaluates parts on a cluster; satisfies `PartRunner`. A context manager: its workers end with it.

    Results come in the order in which they are finished. Those of a part, its probabilities and the order within it are the ones of `LocalRunner`.
    """

    def __init__(
        self, cluster: Cluster, job: Job, engine: LocalEngine, tracer: Tracer, advance: Callable[[int], None],
        observe: Callable[[Sequence[Sample], np.ndarray], None] | None = None, *, start_s: float = START_S,
    ) -> None:
        """Starts nothing yet.

        Args:
            cluster: where workers run.
            job: what is evaluated; it says how its data set is opened again.
            engine: the compiled model, which is saved for the workers.
            tracer: gets the workers' spans, below the one that is open when workers are started.
            advance: told how many inputs each part had.
            observe: given the inputs of each batch, and their probabilities; None where nobody wants them, so that they need not travel.
            start_s: how long there may be no worker.
        """
        self._cluster, self._job, self._engine, self._tracer = cluster, job, engine, tracer
        self._advance, self._observe, self._start_s = advance, observe, start_s
        self._crew: Crew | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._crew is not None:
            self._crew.end()

    @property
    def processes(self) -> list[tuple[str, int]]:
        """Host and process id of each worker that is ready."""
        return [(member.ready.host, member.ready.pid) for member in self._crew.ready if member.ready] if self._crew else []

    def warm_up(self) -> None:
        """Starts the workers, each of which warms up itself, and waits until they are ready: all, or those that are some time after the first.

        Raises:
            EvaluationError: no cluster is reached, it has no room for a worker, or a worker cannot take part.
        """
        crew = self._crew = self._hire()
        self._wait_for_one(crew)
        deadline = time.monotonic() + LATE_S
        while crew.starting and (left := deadline - time.monotonic()) > 0:
            done, _ = crew.ray.wait(list(crew.starting), timeout=left)
            self._admit(crew, done)
        if crew.starting:
            _log.warning("%d of %d workers are ready; the others take part when they are", len(crew.ready), len(crew.ready) + len(crew.starting))

    def results(self, parts: Sequence[Part]) -> Iterator[PartResult]:
        """Yields results as parts are finished.

        Raises:
            EvaluationError: an input failed, where failures are to end the evaluation; a part was given up, since workers do not survive it; or no worker is
                left and none can be started.
        """
        if not parts:
            return  # all were recorded before: no cluster is needed
        crew = self._crew
        assert crew is not None, "warm_up() comes first"
        dispatch, flights = Dispatch(parts), dict[Any, tuple[Member, Part]]()
        while not dispatch.done:
            self._wait_for_one(crew)
            for member in crew.ready:
                while part := dispatch.take(member.number):
                    flights[member.actor.evaluate.remote(part)] = member, part
            (reference,), _ = crew.ray.wait([*flights, *crew.starting])
            if reference in crew.starting:
                self._admit(crew, [reference])
                continue
            member, part = flights.pop(reference)
            try:
                result, observed = crew.result(reference)
            except WorkerLost as lost:
                dispatch.lose(member.number, str(lost))
                flights = {other: flight for other, flight in flights.items() if flight[0] is not member}
                crew.lose(member, str(lost))
                continue
            dispatch.finish(member.number, part)
            yield self._received(result, observed)

    def _hire(self) -> Crew:
        """Connects to the cluster, saves the model there, and asks for workers."""
        cpus, gpus = self._engine.executable.threads, int(self._engine.target.startswith("tensorrt"))
        ray = self._cluster.connect(cpus)
        size = self._cluster.size(cpus, gpus)
        assignment, artifact = assign(self._job, self._engine, origin=self._tracer.origin, observed=self._observe is not None)
        crew = Crew(ray, assignment, ray.put(artifact), cpus, gpus, processor())
        crew.start(size)
        return crew

    def _wait_for_one(self, crew: Crew) -> None:
        """Returns when a worker is ready."""
        deadline = time.monotonic() + self._start_s
        while not crew.ready:
            done, _ = crew.ray.wait(list(crew.starting), timeout=max(0.0, deadline - time.monotonic()))
            if not done:
                free = crew.ray.available_resources()
                raise EvaluationError(f"no worker has started in {self._start_s:g} s: each takes {crew.cpus} CPUs, of which {free.get('CPU', 0):g} are free in "
                                      "the Ray cluster, on all nodes together")
            self._admit(crew, done)

    def _admit(self, crew: Crew, references: Sequence[Any]) -> None:
        for reference in references:
            if ready := crew.admit(reference):
                self._tracer.adopt(ready.spans, drained=True)

    def _received(self, result: PartResult, observed: Sequence[tuple[Sequence[Sample], np.ndarray]]) -> PartResult:
        self._tracer.adopt(result.spans, drained=False)
        warn_of_failures(result)
        for samples, probabilities in observed:
            if self._observe is not None:
                self._observe(samples, probabilities)
        self._advance(len(result.part))
        return result
