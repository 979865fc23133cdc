"""Data sets, engines and recorders that tests of the runner use in place of real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ngc.errors import DatasetError
from ngc.evaluate.inputs import AsStored, Loader, Sample
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import RUNNING, Evaluation, Machine, PartResult, Span
from ngc.evaluate.run.runner import LocalRunner
from ngc.evaluate.trace import Tracer
from ngc.runtime.profile import KernelTime, Profile

CLASSES = 7


@dataclass(frozen=True)
class Numbers:
    """A data set of vectors: input i is i in each place; those in `broken` cannot be read."""

    count: int
    broken: frozenset[int] = frozenset()
    name: str = "numbers"

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        return Sample(index, f"{index}.jpg", None if index % 5 == 4 else index % CLASSES)

    def read(self, index: int) -> np.ndarray:
        if index in self.broken:
            raise DatasetError(f"{index}.jpg: damaged")
        return np.full(3, index, np.float32)

    def digest(self) -> str:
        return f"{self.count} {sorted(self.broken)}"


@dataclass
class Guesses:
    """An engine whose probabilities follow from the input alone, and that fails for batches with one of `fails`."""

    fails: Callable[[np.ndarray], None] = lambda array: None
    batches: list[int] = field(default_factory=list)
    traced: int = 0
    description: str = "guesses"

    def predict(self, array: np.ndarray) -> list[np.ndarray]:
        self.fails(array)
        self.batches.append(len(array))
        return [np.stack([np.random.default_rng(int(row[0])).dirichlet(np.ones(CLASSES)) for row in array])]

    def predict_traced(self, array: np.ndarray) -> tuple[list[np.ndarray], Profile]:
        self.traced += 1
        kernel = KernelTime(0, "conv2d", "conv0", ("conv0",), "kernel", 0.001, 1.0, 1.0, 4, "", flops=1, results=(), result_bytes=0)
        return self.predict(array), Profile((kernel,), 0.001, 1, 1, len(array), ((0, 0, 0.0, 1.0),))


@dataclass
class Memory:
    """A recorder in this process, which may be told to fail at a part."""

    place: str = "memory"
    parts: dict[int, PartResult] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    error: str = ""
    spans: tuple[Span, ...] = ()
    before: Callable[[PartResult], None] = lambda result: None

    def begin(self, evaluation: Evaluation) -> None:
        self.calls.append("begin")

    def finished_parts(self, id: str) -> set[int]:
        return set(self.parts)

    def part_results(self, id: str) -> list[PartResult]:
        return [replace(self.parts[index], predictions=(), spans=()) for index in sorted(self.parts)]

    def add_part(self, id: str, result: PartResult, *, predictions: bool) -> bool:
        self.before(result)
        assert result.part.index not in self.parts
        self.parts[result.part.index] = result
        return True

    def set_trace(self, id: str, spans: Sequence[Span]) -> None:
        self.spans = tuple(spans)

    def finish(self, id: str, results: Mapping[str, Any]) -> None:
        self.calls.append("finish")

    def fail(self, id: str, message: str) -> None:
        self.calls.append("fail")
        self.error = message


def evaluation(**changes: Any) -> Evaluation:
    """Returns an evaluation of the data set of numbers."""
    machine = Machine(hostname="here", architecture="x86_64", cpu="", cores=2, memory=0, system="Linux", python="3.11")
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return replace(Evaluation(
        id="a1", created_at=now, updated_at=now, mode="dataset", state=RUNNING, model_name="guesses", model_version="1.0", framework_name="MXNet",
        framework_version="1.9.1", dataset_category="vision", dataset_name="numbers", target="cpu", precision="fp32", threads=1, batch_size=4,
        partition_list_size=8, parts=5, engine="guesses", trace_level=TraceLevel.NO_TRACE, machine=machine, fingerprint="f",
    ), **changes)  # fmt: skip


def runner(dataset: Numbers, engine: Guesses, tracer: Tracer, **options: Any) -> LocalRunner:
    """Returns what evaluates the numbers with the guesses, four at a time unless `options` say else."""
    given = {"batch_size": 4, "probabilities": lambda outputs: outputs[0], **options}
    return LocalRunner(engine=engine, loader=Loader(dataset, AsStored((3,)), 2), tracer=tracer, **given)
