"""The workers of one evaluation: started, lost, replaced, ended."""

import logging
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ngc.errors import EvaluationError, NgcError
from ngc.evaluate.scale.assignment import Assignment
from ngc.evaluate.scale.cluster import first_line
from ngc.evaluate.scale.worker import Ready, Worker

_log = logging.getLogger("ngc")

MOST_FAILED_STARTS = 3
"""Workers that may be lost one after another before any of them is ready: what ends them then is not chance."""


@dataclass(eq=False)
class Member:
    """One worker.

    Attributes:
        number: of the worker, from 0; a worker that replaces another has a number of its own.
        actor: Ray's handle of it.
        ready: what it said when it had begun; None before.
    """

    number: int
    actor: Any
    ready: Ready | None = None

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.ready.pid} on {self.ready.host})" if self.ready else f"worker {self.number}, which was starting,"


@dataclass
class Crew:
    """Actors that have been started. References are those of Ray to results that are to come.

    Attributes:
        ray: the module, connected to a cluster.
        assignment: what workers are told.
        artifact: reference to the saved executable.
        cpus, gpus: of one worker.
        processor: the driver's.
        starting: the workers that are not ready yet, by the reference to what they will say.
        ready: the workers that can evaluate.
    """

    ray: ModuleType
    assignment: Assignment
    artifact: Any
    cpus: int
    gpus: int
    processor: str
    starting: dict[Any, Member] = field(default_factory=dict)
    ready: list[Member] = field(default_factory=list)
    _number: int = 0
    _failed_starts: int = 0

    def start(self, count: int) -> None:
        """Asks Ray for workers, on different nodes where there are some with room. They start when and where there is."""
        actors = self.ray.remote(Worker).options(num_cpus=self.cpus, num_gpus=self.gpus, scheduling_strategy="SPREAD", max_restarts=0, max_task_retries=0)
        for _ in range(count):
            member = Member(self._number, actors.remote())
            self._number += 1
            self.starting[member.actor.prepare.remote(self.assignment, self.artifact)] = member

    def admit(self, reference: Any) -> Ready | None:
        """Takes the word of a worker that was starting, and returns it; None where the worker was lost before, and another one starts.

        Raises:
            EvaluationError: it cannot take part, or workers do not start.
        """
        member = self.starting.pop(reference)
        try:
            ready = self.result(reference)
        except WorkerLost as lost:
            self._failed_starts += 1
            if self._failed_starts >= MOST_FAILED_STARTS:
                raise EvaluationError(f"workers do not start; the last one because {lost}") from lost
            self.lose(member, str(lost))
            return None
        assert isinstance(ready, Ready)
        self._failed_starts, member.ready = 0, ready
        if ready.processor != self.processor:
            _log.warning("%s has another processor (%s) than this machine (%s): numpy's functions, such as a softmax outside of the model, may differ there in "
                         "the last bit; the model's own code does not", member, ready.processor, self.processor)
        _log.info("%s is ready", member)
        self.ready.append(member)
        return ready

    def result(self, reference: Any) -> Any:
        """Returns what a reference refers to.

        Raises:
            WorkerLost: its worker, or what it had computed, is gone.
            EvaluationError: the worker could not read what it was told.
            NgcError: what the worker raised.
        """
        exceptions = self.ray.exceptions
        try:
            return self.ray.get(reference)
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, NgcError):
                raise error.cause from None
            if isinstance(error.cause, exceptions.RayError):  # of its arguments; what ends workers is no error of a task
                raise EvaluationError(f"a worker cannot read what it is told: {first_line(error.cause)}; "
                                      "the same ngc is to be installed on all nodes, with its extras eval and ray") from error
            raise
        except exceptions.RayError as error:
            raise WorkerLost(_reason(error)) from error

    def lose(self, member: Member, reason: str) -> None:
        """Gives up a worker, and starts another one."""
        _log.warning("%s is lost, another one is started: %s", member, reason)
        if member in self.ready:
            self.ready.remove(member)
        self.ray.kill(member.actor)  # it may be alive behind a broken connection
        self.start(1)

    def end(self) -> None:
        """Ends all workers, at once."""
        for member in (*self.ready, *self.starting.values()):
            self.ray.kill(member.actor)
        self.ready.clear()
        self.starting.clear()


class WorkerLost(Exception):
    """A worker is gone, with what it was doing; the message says why, as far as Ray knows."""


def _reason(error: Exception) -> str:
    """Returns what Ray says of a lost worker, in one line: the last one, since those before it describe the actor, without what it always adds."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(" Some common causes include")[0] if lines else type(error).__name__
