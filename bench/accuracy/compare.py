"""What int8 costs a network on each engine."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.accuracy.models import Model
from bench.cores import pick_cores
from bench.engines import Job, NotOffered
from bench.engines.process import Worker, WorkerFailed
from bench.measures import agreement, sqnr_db, top1
from bench.onnx_export import export_onnx
from bench.quantizers import quantize_all

REFERENCE = "mxnet"
"""The engine whose fp32 logits all others are compared with; without its oneDNN graph rewriting, which is not always right."""


@dataclass(frozen=True)
class Accuracy:
    """An engine's int8 form of a network; a line of the JSON file.

    Attributes:
        network: its name.
        engine: that ran it.
        engine_version: of the engine.
        images: how many it was judged by.
        fp32_top1: share of them that the network gets right in fp32; None where they have no labels.
        int8_top1: share of them that it gets right in int8.
        agreement: share of them with the same largest logit as in fp32.
        sqnr_db: signal-to-quantization-noise ratio at the logits, over all images.
    """

    network: str
    engine: str
    engine_version: str
    images: int
    fp32_top1: float | None
    int8_top1: float | None
    agreement: float
    sqnr_db: float


def compare(model: Model, engines: Sequence[str], step: Callable[[str], None]) -> tuple[list[Accuracy], dict[str, str]]:
    """Returns each engine's accuracy, and why the engines without one have none; `step` is called with what is done next.

    Raises:
        NotOffered: MXNet, which gives the fp32 logits, is not installed.
        WorkerFailed: it ended without them.
    """
    onnx = export_onnx(model.prefix, {"data": model.shape})
    with tempfile.TemporaryDirectory() as scratch:
        inputs = f"{scratch}/inputs.npz"
        np.savez(inputs, data=np.load(model.images)[:1])
        reference = Job(REFERENCE, model.prefix, onnx, {"data": model.shape}, inputs, "fp32", 1, tuple(pick_cores(1)))
        step(f"{REFERENCE}, fp32")
        plain = replace(reference, environment={"MXNET_SUBGRAPH_BACKEND": "NONE"})
        expected = _outputs(plain, model.images, scratch)[1]
        jobs = {engine: replace(reference, engine=engine, precision="int8", calibration=model.calibration) for engine in engines}
        ready, missing = quantize_all(jobs, lambda engine: step(f"{engine}, quantizing"))
        found = []
        for engine, job in ready.items():
            step(f"{engine}, int8")
            try:
                version, logits = _outputs(job, model.images, scratch)
            except (NotOffered, WorkerFailed) as error:
                missing[engine] = str(error)
            else:
                found.append(judge(model, engine, version, logits, expected))
    return found, missing


def judge(model: Model, engine: str, version: str, logits: NDArray[np.float32], expected: NDArray[np.float32]) -> Accuracy:
    """Returns what logits (images, classes) in int8 are worth beside those expected in fp32."""
    right = None if model.labels is None else top1(expected, model.labels)
    right_int8 = None if model.labels is None else top1(logits, model.labels)
    return Accuracy(model.name, engine, version, len(logits), right, right_int8, agreement(logits, expected), round(sqnr_db(logits, expected), 2))


def verdicts(rows: Sequence[Accuracy], own: str) -> Iterator[tuple[str, str, float]]:
    """Yields, for each network that both have results on, the peer with the highest SQNR and by how many dB `own` is above it."""
    for network in dict.fromkeys(row.network for row in rows):
        group = [row for row in rows if row.network == network]
        ours = [row for row in group if row.engine == own]
        peers = [row for row in group if row.engine != own]
        if ours and peers:
            best = max(peers, key=lambda row: row.sqnr_db)
            yield network, best.engine, ours[0].sqnr_db - best.sqnr_db


def _outputs(job: Job, images: str, scratch: str) -> tuple[str, NDArray[np.float32]]:
    """Returns the engine's version and the model's outputs on all images, each run alone."""
    with Worker(job, Path(scratch) / f"{job.engine}.log") as worker:
        return worker.version, worker.outputs(Path(images))
