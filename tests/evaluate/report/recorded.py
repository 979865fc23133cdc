"""Evaluations as a store has them after some days of work: networks in fp32 and int8, with labels, traces, predictions, a failed input, a short last batch."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import numpy as np
import pytest

from ngc.evaluate.accuracy import Tally, ranking, tally
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part, split
from ngc.evaluate.records import FINISHED, PREDICT, RUNNING, Evaluation, Machine, PartResult, Prediction, Span
from ngc.evaluate.store import Store

HOSTILE = "<script>alert('x')</script>&$x_1$"
"""A name that would be taken for markup, or for mathematics, where a page does not escape it."""

MACHINE = Machine(hostname="node-1", architecture="x86_64", cpu="Intel Xeon Platinum 8481C", cores=2, memory=16 << 30, system="Linux 6.1", python="3.11.2")

BEGUN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

LAYERS = [("stem_conv0_fwd", "conv2d", 310.0), ("stage1_conv0_fwd", "conv2d", 220.0), ("stage1_conv1_fwd", "conv2d", 405.0),
          ("stage2_conv0_fwd", "conv2d", 150.0), ("pool0_fwd", "reduce", 12.5), ("dense0_fwd", "dense", 60.0)]
"""Name after the network's, operator, microseconds."""


def evaluation(id: str, **changes: object) -> Evaluation:
    """Returns an evaluation of a data set, finished on the first morning unless `changes` say otherwise."""
    made = Evaluation(
        id=id, created_at=BEGUN, updated_at=BEGUN + timedelta(minutes=2), mode="dataset", state=RUNNING, model_name="ResNet50_v1", model_version="1.0",
        framework_name="MXNet", framework_version="1.9.1", dataset_category="vision", dataset_name="flowers", target="cpu", precision="fp32", threads=2,
        batch_size=4, partition_list_size=8, parts=3, engine="local: cpu, 2 threads", trace_level=TraceLevel.FRAMEWORK_TRACE, machine=MACHINE, fingerprint=id,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def record(store: Store, made: Evaluation, results: Sequence[PartResult], *, predictions: bool = True) -> None:
    """Puts a finished evaluation into the store."""
    store.begin(made)
    for result in results:
        store.add_part(made.id, result, predictions=predictions)
    store.finish(made.id, {})


def part_results(made: Evaluation, images: int, *, us: float, right: float = 0.8, seed: int = 0, classes: int = 6) -> list[PartResult]:
    """Returns the parts of `images` inputs.

    Args:
        us: microseconds of a full batch, about.
        right: share of right answers.
    """
    rng = np.random.default_rng(seed)
    return [_result(made, part, us, right, rng, classes) for part in split(images, made.partition_list_size)]


def _result(made: Evaluation, part: Part, us: float, right: float, rng: np.random.Generator, classes: int) -> PartResult:
    expected = rng.integers(classes, size=len(part)).tolist()
    scores = rng.gumbel(size=(len(part), classes))
    scores[np.arange(len(part)), expected] += 1.5 + 2.5 * right
    probabilities = np.round(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), 4)  # the last digits differ between processors
    best = ranking(probabilities, 5)
    predictions = [Prediction(part.begin + at, f"flower_{part.begin + at:05}.jpg", label, tuple((int(answer), float(row[answer])) for answer in answers))
                   for at, (label, row, answers) in enumerate(zip(expected, probabilities, best, strict=True))]
    counts = tally(probabilities, expected)
    if part.index == 1:  # the second part's first input is broken
        predictions[0] = replace(predictions[0], features=(), error="cannot identify image file")
        counts = tally(probabilities[1:], expected[1:]) + Tally(failures=1)
    durations = [round(us * len(batch) / made.batch_size * float(rng.lognormal(0, 0.08)), 3) for batch in part.batches(made.batch_size)]
    return PartResult(part, tuple(durations), counts, tuple(predictions), tuple(spans(made, part, durations)))


def spans(made: Evaluation, part: Part, durations: Sequence[float]) -> list[Span]:
    """Returns the trace of a part: a span for each batch and, at FRAMEWORK_TRACE, one for each layer."""
    begin = int(made.created_at.timestamp()) * 10**9 + part.index * 10**9
    found = []
    for number, (batch, duration) in enumerate(zip(part.batches(made.batch_size), durations, strict=True)):
        id = f"{part.index:04x}{number:04x}"
        end = begin + round(duration * 1e3)
        found.append(Span(PREDICT, TraceLevel.MODEL_TRACE, made.id, id, "", begin, end, {"batch_size": len(batch)}))
        at = begin
        for index, (name, kind, us) in enumerate(LAYERS if made.trace_level >= TraceLevel.FRAMEWORK_TRACE else ()):
            ends = at + round(duration * us / sum(each for *_, each in LAYERS) * 1e3)
            full = f"{made.model_name.lower()}0_{name}"
            found.append(Span(full, TraceLevel.FRAMEWORK_TRACE, made.id, f"{id}{index:04x}", id, at, ends, {
                "layer_index": index, "layer_name": full, "layer_type": kind, "layer_sources": [full, full.replace("conv", "relu")],
                "layer_shape": f"f32[{len(batch)},64]", "layer_allocated_bytes": len(batch) * 256}))  # fmt: skip
            at = ends
        begin = end + 10**6
    return found


class _Clock(datetime):
    """Time stands still while a database is filled, so that what is read of it can be compared with a file."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_Clock":
        return cls(2026, 3, 9, 12, tzinfo=tz)


def small(path: Path) -> Path:
    """Fills a database with four evaluations: two of the same kind, one in int8 without a trace of layers, one with another batch size. Returns its path."""
    with pytest.MonkeyPatch.context() as patch, Store.open(str(path)) as store:
        patch.setattr("ngc.evaluate.store.store.datetime", _Clock)
        for number, (id, us, changes) in enumerate([
            ("a1", 5200.0, {}), ("a2", 5000.0, {}), ("b1", 2100.0, {"precision": "int8", "trace_level": TraceLevel.MODEL_TRACE}),
            ("c1", 900.0, {"model_name": "MobileNet_v2", "batch_size": 1}),
        ]):  # fmt: skip
            made = evaluation(id, created_at=BEGUN + timedelta(days=number), **changes)
            record(store, made, part_results(made, 18, us=us, right=0.3, seed=number))
    return path


def many(path: Path) -> Path:
    """Fills a database with three weeks of four networks in three precisions, one with a hostile name, and returns its path."""
    networks = (("ResNet50_v1", 0.95, 5200.0), ("MobileNet_v2", 0.6, 900.0), ("DenseNet121", 0.9, 7400.0), (HOSTILE, 0.4, 2600.0))
    with Store.open(str(path)) as store:
        for day in range(3):
            for number, (name, right, us) in enumerate(networks):
                for precision, factor, loss in (("fp32", 1.0, 0.0), ("bf16", 0.6, 0.02), ("int8", 0.35, 0.08)):
                    made = evaluation(f"{number}-{precision}-{day}", model_name=name, precision=precision, batch_size=1, partition_list_size=40,
                                      created_at=BEGUN + timedelta(days=7 * day, hours=number), state=FINISHED)
                    results = part_results(made, 80, us=us * factor * (1 - 0.04 * day), right=right - loss + 0.01 * day, seed=1000 * day + number, classes=10)
                    record(store, made, results, predictions=False)
    return path
