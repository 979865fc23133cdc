"""What goes wrong on a real cluster."""

import importlib
import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.inputs import open_dataset
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import FAILED
from ngc.evaluate.run.engine import Build, LocalEngine, calibrate_model
from ngc.evaluate.scale import Cluster, RayRunner
from tests.evaluate.scale.conftest import ROOT, WORKERS, Digits, assert_same, spans_by_name
from tests.evaluate.scale.deadly import open_deadly

pytestmark = pytest.mark.full

KILLS = 10


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Returns Ray's module, connected to a cluster of this process with room for the workers."""
    pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # what the cluster's processes inherit
        with Cluster(workers=WORKERS) as cluster:
            yield cluster.connect(1)


@pytest.fixture
def cluster(ray: Any) -> Cluster:
    """Returns the cluster as one that runs already."""
    return Cluster(workers=WORKERS)


def test_a_cluster_that_runs_is_left_without_workers(digits: Digits, ray: Any, cluster: Cluster) -> None:
    alone = digits.locally()
    before = ray.cluster_resources()
    with cluster:
        together, _ = digits.on(cluster)
    assert_same(digits.store, alone, together)
    assert ray.is_initialized()
    assert ray.cluster_resources() == before
    ray.get(busy(ray, 0), timeout=60)  # takes all CPUs, so they are free again


def busy(ray: Any, seconds: float) -> Any:
    """Returns a reference to a task that takes all CPUs for so many seconds."""
    return ray.remote(sleep).options(num_cpus=int(ray.cluster_resources()["CPU"])).remote(seconds)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def test_workers_killed_ten_times(digits: Digits, cluster: Cluster) -> None:
    small = digits.but(partition_list_size=5)  # 90 parts
    moments = random.Random(8)

    def kill(runner: RayRunner) -> None:
        os.kill(moments.choice(runner.processes)[1], signal.SIGKILL)

    alone = small.locally()
    together, order = small.on(cluster, at=range(5, 5 + 8 * KILLS, 8), then=kill)
    assert sorted(order) == list(range(90))
    assert_same(digits.store, alone, together)


def test_a_part_that_ends_its_workers_is_named(digits: Digits, cluster: Cluster) -> None:
    opener = partial(open_deadly, digits.job.opener.args[0], 100, os.getpid())
    deadly = digits.but(dataset=opener(), opener=opener)
    with pytest.raises(EvaluationError, match=r"^part 4, the inputs 96 to 119, was being evaluated when 3 workers were lost, the last one because The actor is "
                                              r"dead because its worker process has died\. .*; it is given up$"):
        deadly.on(cluster)
    (evaluation,) = digits.store.evaluations()
    assert evaluation.state == FAILED
    assert "part 4, the inputs 96 to 119" in evaluation.error
    assert 4 not in digits.store.finished_parts(evaluation.id)
    assert digits.store.count_predictions(evaluation.id) == sum(len(result.part) for result in digits.store.part_results(evaluation.id))


def test_workers_that_do_not_survive_their_start(digits: Digits, cluster: Cluster) -> None:
    opener = partial(open_deadly, digits.job.opener.args[0], 0, os.getpid())
    with pytest.raises(EvaluationError, match=r"^workers do not start; the last one because The actor is dead"):
        digits.but(dataset=opener(), opener=opener).on(cluster)


def test_an_input_that_fails(digits: Digits, cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", np.zeros((8, 8, 1) if number != 2 else (7, 3), np.uint8))
    opener = partial(open_dataset, tmp_path, name="broken")
    broken = digits.but(dataset=opener(), opener=opener, partition_list_size=2)
    alone = broken.locally()
    together, _ = broken.on(cluster)
    assert_same(digits.store, alone, together)
    assert together.tally.failures == 1
    here, there = (message for message in caplog.messages if "inputs failed" in message)
    assert here == there
    with pytest.raises(EvaluationError, match=r"^input 2 \(2\.npy\): .*; --fail_on_error=false records that and goes on$"):
        broken.but(fail_on_error=True).on(cluster)


def test_what_workers_say_of_themselves_ends_the_evaluation(digits: Digits, cluster: Cluster) -> None:
    elsewhere = digits.but(opener=partial(open_dataset, "/nowhere/digits.npz"))
    with pytest.raises(EvaluationError, match=f"^the worker on {socket.gethostname()}: /nowhere/digits.npz: no such data set$"):
        elsewhere.on(cluster)


def test_what_workers_need_is_not_installed_there(digits: Digits, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("from ngc.evaluate.inputs import synthetic\ndef opener():\n    return synthetic((1, 8, 8), 4)\n")
    monkeypatch.syspath_prepend(tmp_path)  # after the cluster was started
    opener = importlib.import_module("only_here").opener
    with pytest.raises(EvaluationError, match=r"^a worker cannot read what it is told: System error: No module named 'only_here'; the same ngc is "
                                              r"to be installed on all nodes, with its extras eval and ray$"):
        digits.but(dataset=opener(), opener=opener).on(cluster)


def test_workers_that_find_no_room_are_not_waited_for(
    digits: Digits, ray: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ngc.evaluate.scale.runner.LATE_S", 1)
    room = int(ray.cluster_resources()["CPU"])
    together, _ = digits.on(Cluster(workers=room + 1))
    assert_same(digits.store, digits.locally(), together)
    ready, there = (int(number) for number in re.findall(r"\d+", caplog.messages[0]))
    assert caplog.messages == [f"{ready} of {there} workers are ready; the others take part when they are"]
    assert 1 <= ready <= room < there == room + 1


def test_no_node_is_large_enough(digits: Digits, cluster: Cluster) -> None:
    with pytest.raises(EvaluationError, match=r"^a worker takes 4096 CPUs, which no node of the Ray cluster has: \d+ CPUs; --threads says how many CPUs a "
                                              r"worker takes$"):
        cluster.size(4096, 0)


def test_no_worker_starts_in_time(digits: Digits, ray: Any, cluster: Cluster) -> None:
    reference = busy(ray, 4)
    with pytest.raises(EvaluationError, match=r"^no worker has started in 1 s: each takes 1 CPUs, of which \d+ are free in the Ray cluster, on all nodes "
                                              r"together$"):
        digits.on(cluster, start_s=1)
    ray.get(reference)


def test_probabilities_are_those_of_one_process_to_the_bit(digits: Digits, cluster: Cluster) -> None:
    kept: list[dict[int, bytes]] = []
    for _ in range(2):
        rows: dict[int, bytes] = {}
        digits.on(cluster, observe=lambda samples, values, rows=rows: rows.update(
            (sample.index, row.tobytes()) for sample, row in zip(samples, values, strict=True)))
        kept.append(rows)
    images = [digits.job.preprocessing(digits.job.dataset.read(index)) for index in range(len(digits.job.dataset))]
    wanted = {index: row.tobytes() for part in digits.job.parts for batch in part.batches(digits.job.batch_size)
              for index, row in zip(batch, digits.job.manifest.probabilities(digits.engine.predict(np.stack([images[index] for index in batch]))), strict=True)}
    assert kept == [wanted, wanted]


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_other_precisions(digits: Digits, cluster: Cluster, precision: str) -> None:
    job = digits.job
    table = None
    if precision == "int8":
        images = np.stack([job.preprocessing(job.dataset.read(index)) for index in range(64)])
        table = calibrate_model(job.files, job.manifest, [images], Build(threads=1))
    engine = LocalEngine.compile(job.files, job.manifest, Build(precision=precision, threads=1, calibration=table))
    other = Digits(job, engine, digits.store)
    assert engine.precision == precision
    assert_same(digits.store, other.locally(), other.on(cluster)[0])


def test_layers_are_traced_in_workers(digits: Digits, cluster: Cluster) -> None:
    traced = digits.but(trace_level=TraceLevel.FRAMEWORK_TRACE, trace_preprocess=True)
    alone = spans_by_name(digits.store, traced.locally())
    together = spans_by_name(digits.store, traced.on(cluster)[0])
    assert (alone.pop("warm_up"), together.pop("warm_up")) == (1, WORKERS)
    assert together == alone
    assert alone["preprocess"] == alone["c_predict"] == 18 * 5 + 4
