"""A cluster of several nodes that was not started for the evaluation."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.scale import AUTO, Cluster, RayRunner
from tests.evaluate.scale.conftest import Digits, assert_same

pytestmark = pytest.mark.full


@pytest.fixture
def nodes(folder: Any) -> Iterator[Any]:
    """Returns a cluster of two nodes, each with room for one worker."""
    utilities = pytest.importorskip("ray.cluster_utils")
    small = {"num_cpus": 1, "object_store_memory": 100 << 20}
    nodes = utilities.Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    nodes.add_node(**small)
    yield nodes
    nodes.shutdown()


def test_a_node_is_lost(digits: Digits, nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(runner: RayRunner) -> None:
        nodes.remove_node(nodes.list_all_nodes()[1], allow_graceful=False)

    alone = digits.locally()
    with Cluster(nodes.address) as cluster:  # a worker on each node
        together, _ = digits.on(cluster, at=[4], then=lose)
    assert_same(digits.store, alone, together)
    ray = pytest.importorskip("ray")
    assert not ray.is_initialized()
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    with Cluster(AUTO) as cluster:  # it still runs, with the node that is left
        again, order = digits.on(cluster)
    assert_same(digits.store, alone, again)
    assert order == list(range(19))


def test_no_cluster_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    handler = signal.getsignal(signal.SIGTERM)
    with Cluster(AUTO) as cluster, pytest.raises(EvaluationError) as caught:
        cluster.connect(1)
    assert str(caught.value) == ("--ray_address=auto: no Ray cluster is reached: Could not find any running Ray instance; "
                                 "`ray start --head` starts one on this machine, --ray_address=local one for this evaluation")
    assert signal.getsignal(signal.SIGTERM) is handler
