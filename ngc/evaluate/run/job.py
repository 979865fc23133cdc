"""One evaluation in parts, with all that it takes: what it is, what it is recorded as, and what runs it."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from ngc import __version__
from ngc.errors import ManifestError
from ngc.evaluate.inputs import Dataset, Loader, Preparation, Sample
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.manifest import Manifest, ModelFiles
from ngc.evaluate.parts import Part
from ngc.evaluate.records import FEATURES, LOCAL, RUNNING, Evaluation
from ngc.evaluate.run.engine import LocalEngine
from ngc.evaluate.run.identity import fingerprint
from ngc.evaluate.run.runner import LocalRunner
from ngc.evaluate.store import this_machine
from ngc.evaluate.trace import Tracer


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is evaluated, and how.

    Attributes:
        mode: see `Evaluation`.
        parts: all that the evaluation has.
        category: of the data set, such as "vision".
        classifies: whether the model's outputs are probabilities of classes, which are counted and kept.
        batch_size: most inputs of a batch.
        partition_list_size: inputs of a part.
        warm_up: how many batches, from the first input on, are computed before anything is measured.
        settings: what else results, or what is recorded of them, depend on, as JSON.
        features: of how many classes predictions keep the probabilities.
        read_ahead: whether inputs are read and preprocessed while the engine computes.
        trace_preprocess: whether reading and preprocessing get spans.
        fail_on_error: whether the first input that fails ends the evaluation.
        predictions: whether the prediction of each input is recorded.
        workers: threads that read inputs; 0 for as many as there are cores.
        opener: opens the data set again in another process, on another machine where its files are; it can be pickled. None where nothing can.
    """

    mode: str
    manifest: Manifest
    files: ModelFiles
    dataset: Dataset
    preprocessing: Preparation
    parts: tuple[Part, ...]
    category: str = ""
    classifies: bool = True
    batch_size: int = 1
    partition_list_size: int = 1
    warm_up: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    features: int = FEATURES
    read_ahead: bool = True
    trace_level: TraceLevel = TraceLevel.NO_TRACE
    trace_preprocess: bool = False
    fail_on_error: bool = False
    predictions: bool = False
    workers: int = 0
    opener: Callable[[], Dataset] | None = None


def check_labels(job: Job, engine: LocalEngine) -> None:
    """Checks that the model's labels are as many as its classes: a list that is off by one makes of every name the class beside it.

    Raises:
        ManifestError: they are not.
    """
    layer = job.manifest.output.parameters.probabilities_layer
    outputs = engine.executable.outputs
    if not job.classifies or not job.files.labels or layer >= len(outputs):
        return
    classes = prod(size for size in outputs[layer].shape[1:] if isinstance(size, int))
    if classes != len(job.files.labels):
        raise ManifestError(f"{job.manifest.source}: the model answers {classes} classes, and its labels name {len(job.files.labels)}")


def local_runner(
    job: Job, engine: LocalEngine, loader: Loader, tracer: Tracer, advance: Callable[[int], None],
    observe: Callable[[Sequence[Sample], np.ndarray], None] = lambda samples, probabilities: None,
) -> LocalRunner:
    """Returns what evaluates a job's parts in this process; see `LocalRunner` for `advance` and `observe`."""

    def warm_up_batches() -> Iterator[np.ndarray]:
        with closing(loader.batches(job.parts, job.batch_size)) as batches:
            for batch in islice(batches, job.warm_up):
                if batch.samples:
                    yield batch.array

    return LocalRunner(engine, loader, job.manifest.probabilities if job.classifies else None, tracer, job.batch_size, job.features, job.read_ahead,
                       job.trace_preprocess, job.fail_on_error, warm_up_batches, advance, observe)


def new_evaluation(job: Job, engine: LocalEngine, place: str = LOCAL) -> Evaluation:
    """Returns what is recorded of a job as a whole, as an evaluation that begins now in a place where engines are."""
    parts = {"dataset_digest": job.dataset.digest(), "partition_list_size": job.partition_list_size, "parts": len(job.parts),
             "feature_limit": job.features, "publish_predictions": job.predictions}
    return evaluation_of(job.manifest, job.files, engine, mode=job.mode, category=job.category, dataset_name=job.dataset.name, batch_size=job.batch_size,
                         trace_level=job.trace_level, settings={**parts, **job.settings}, partition_list_size=job.partition_list_size, parts=len(job.parts),
                         place=place)


def evaluation_of(
    manifest: Manifest, files: ModelFiles, engine: LocalEngine, *, mode: str, category: str, dataset_name: str, batch_size: int, trace_level: TraceLevel,
    settings: Mapping[str, Any], partition_list_size: int = 0, parts: int = 0, place: str = LOCAL,
) -> Evaluation:
    """Returns an evaluation that begins now. Its settings are the given ones, and all that is the same for every mode."""
    described = f"{place}: {engine.description}"
    answer = manifest.output.parameters
    everything = {
        "mode": mode, "ngc": __version__, "model_name": manifest.name, "model_version": manifest.version, "model_digest": files.digest,
        "input": [manifest.input_layer, *manifest.input_shape], "output": [answer.probabilities_layer, answer.probabilities_transform],
        "dataset_category": category, "dataset_name": dataset_name, "batch_size": batch_size, "target": engine.target, "processor": engine.processor,
        "precision": engine.precision, "threads": engine.executable.threads, "engine": described,
        "trace_level": trace_level.name, **settings,
    }  # fmt: skip
    now = datetime.now(UTC)
    return Evaluation(
        id=uuid.uuid4().hex, created_at=now, updated_at=now, mode=mode, state=RUNNING, model_name=manifest.name, model_version=manifest.version,
        framework_name=manifest.framework.name, framework_version=manifest.framework.version, dataset_category=category, dataset_name=dataset_name,
        target=engine.target, precision=engine.precision, threads=engine.executable.threads, batch_size=batch_size, partition_list_size=partition_list_size,
        parts=parts, engine=described, trace_level=trace_level, machine=this_machine(), fingerprint=fingerprint(everything), settings=everything,
    )  # fmt: skip
