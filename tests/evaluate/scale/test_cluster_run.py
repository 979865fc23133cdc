"""A real cluster on this machine: two workers, one of which is killed."""

import os
import signal

import pytest

from ngc.evaluate.scale import Cluster, RayRunner
from tests.evaluate.scale.conftest import WORKERS, Digits, assert_same, spans_by_name

pytest.importorskip("ray")


def kill_one(runner: RayRunner) -> None:
    """Kills a worker; the other is in the middle of a part then, or has just finished one."""
    os.kill(runner.processes[0][1], signal.SIGKILL)


def test_two_workers_one_of_which_is_killed_give_what_one_process_gives(digits: Digits, caplog: pytest.LogCaptureFixture) -> None:
    alone = digits.locally()
    handler = signal.getsignal(signal.SIGTERM)
    with Cluster(workers=WORKERS) as cluster:
        together, order = digits.on(cluster, at=[4], then=kill_one)
    assert sorted(order) == list(range(19))
    assert_same(digits.store, alone, together)
    (lost,) = caplog.messages
    assert lost.startswith("worker ")
    assert "is lost, another one is started: The actor is dead because its worker process has died." in lost
    # 19 parts, 18 of five batches and one of four; a replacement warms up too, but may not be ready before the end
    names = spans_by_name(digits.store, together)
    assert names.pop("warm_up") in (WORKERS, WORKERS + 1)
    assert names == {"evaluate": 1, "part": 19, "c_predict": 18 * 5 + 4}
    assert together.evaluation.engine == "ray: cpu, 1 thread"
    assert signal.getsignal(signal.SIGTERM) is handler
