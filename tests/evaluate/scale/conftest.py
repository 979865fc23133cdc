"""The digits network on its held-out digits, by one process and by a cluster."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ngc.evaluate.inputs import Dataset, Loader, open_dataset, resolve_dataset
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.manifest import fetch_model, find_manifest
from ngc.evaluate.parts import Part, split
from ngc.evaluate.records import LOCAL, RAY, PartResult
from ngc.evaluate.run.engine import Build, LocalEngine
from ngc.evaluate.run.evaluate import Outcome, evaluate
from ngc.evaluate.run.job import Job, local_runner, new_evaluation
from ngc.evaluate.run.runner import PartRunner
from ngc.evaluate.scale import Cluster, RayRunner
from ngc.evaluate.store import Store
from ngc.evaluate.trace import Tracer

ROOT = Path(__file__).parents[3]
WORKERS = 2


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder that the user's data lie in. Processes that are started find ngc and its tests where this one does."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


@dataclass
class Held:
    """A runner that does something after the results of some numbers, from 1 on."""

    runner: PartRunner
    at: Collection[int] = ()
    then: Callable[[], None] = lambda: None
    order: list[int] = field(default_factory=list)

    def warm_up(self) -> None:
        self.runner.warm_up()

    def results(self, parts: list[Part]) -> Iterator[PartResult]:
        for result in self.runner.results(parts):
            self.order.append(result.part.index)
            yield result
            if len(self.order) in self.at:
                self.then()


@dataclass(frozen=True)
class Digits:
    """An evaluation of the digits network, recorded in a store."""

    job: Job
    engine: LocalEngine
    store: Store

    def but(self, **changes: Any) -> "Digits":
        """Returns another evaluation."""
        job = replace(self.job, **changes)
        parts = changes.get("parts", tuple(split(len(job.dataset), job.partition_list_size)))
        return replace(self, job=replace(job, parts=parts))

    def locally(self) -> Outcome:
        """Evaluates in this process."""
        with Tracer(self.job.trace_level) as tracer, Loader(self.job.dataset, self.job.preprocessing, 1) as loader:
            return self._evaluate(local_runner(self.job, self.engine, loader, tracer, lambda inputs: None), tracer, LOCAL)

    def on(
        self, cluster: Cluster, *, at: Collection[int] = (), then: Callable[[RayRunner], None] = lambda runner: None, **options: Any
    ) -> tuple[Outcome, list[int]]:
        """Evaluates on a cluster, and does something after the parts of numbers `at`; returns the order in which parts came too."""
        with Tracer(self.job.trace_level) as tracer, RayRunner(cluster, self.job, self.engine, tracer, lambda inputs: None, **options) as runner:
            held = Held(runner, at, partial(then, runner))
            return self._evaluate(held, tracer, RAY), held.order

    def _evaluate(self, runner: Any, tracer: Tracer, place: str) -> Outcome:
        return evaluate(runner, self.job.parts, new_evaluation(self.job, self.engine, place), self.store, tracer, predictions=True)


@pytest.fixture
def digits(folder: Path) -> Iterator[Digits]:
    """Returns an evaluation in 19 parts of 24 digits, in batches of 5, so that parts and batches have rests."""
    manifest = find_manifest("digits")
    files = fetch_model(manifest)
    opener: Callable[[], Dataset] = partial(open_dataset, resolve_dataset("vision", "digits").path, name="digits", labels=files.labels)
    dataset = opener()
    job = Job(mode="dataset", manifest=manifest, files=files, dataset=dataset, opener=opener, preprocessing=manifest.preprocessing(True), batch_size=5,
              partition_list_size=24, parts=tuple(split(len(dataset), 24)), predictions=True, trace_level=TraceLevel.MODEL_TRACE)
    with Store.open(str(folder / "runs.db")) as store:
        yield Digits(job, LocalEngine.compile(files, manifest, Build(threads=1)), store)


def assert_same(store: Store, one: Outcome, other: Outcome) -> None:
    """Checks that two evaluations have the same counts and predictions to the bit, and that no part is recorded twice."""
    assert one.tally == other.tally
    both = [store.part_results(outcome.evaluation.id) for outcome in (one, other)]
    assert [(result.part, result.tally) for result in both[0]] == [(result.part, result.tally) for result in both[1]]
    assert [len(result.durations_us) for result in both[0]] == [len(result.durations_us) for result in both[1]]
    assert store.predictions(one.evaluation.id) == store.predictions(other.evaluation.id)
    assert store.count_predictions(one.evaluation.id) == one.inputs == other.inputs


def spans_by_name(store: Store, outcome: Outcome) -> dict[str, int]:
    """Returns how many spans there are of each name; checks that they are one tree."""
    spans = store.spans(outcome.evaluation.id)
    ids = {span.span_id for span in spans}
    assert len(ids) == len(spans)
    assert len({span.trace_id for span in spans}) == 1
    assert [span.name for span in spans if span.parent_id not in ids] == ["evaluate"]
    names, counts = np.unique([span.name for span in spans], return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
