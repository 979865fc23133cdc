"""Whole networks of the model zoo: no kernel reads what none wrote, and the number of threads changes nothing. Skipped where MXNet is not installed."""

import numpy as np
import pytest

import ngc
from ngc.ir import Graph, Weight
from tests.passes.test_zoo_fusion import LEFT, network

QUICK = ("resnet18_v1", "resnet18_v2", "mobilenet0_25", "mobilenet_v2_0_25", "squeezenet1_1", "densenet121")


def draw_weights(graph: Graph) -> None:
    """Replaces all weights by such as keep a signal alive through many layers."""
    rng = np.random.default_rng(4)
    for node in graph:
        if node.weight is not None:
            shape = tuple(int(dim) for dim in node.type.shape)  # type: ignore[arg-type]  # constants have no N
            if node.weight.name.endswith("weight"):
                array = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
            else:
                positive = node.weight.name.endswith(("gamma", "running_var"))
                array = rng.uniform(0.5, 1.5, shape) if positive else rng.normal(0, 0.1, shape)
            node.weight = Weight(node.weight.name, array.astype(np.float32))


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in LEFT])
def test_an_arena_full_of_nan_and_other_threads_give_the_same_bits(name: str) -> None:
    graph = network(name)
    draw_weights(graph)
    size = 299 if name == "inception_v3" else 224
    feeds = {"data": np.random.default_rng(3).standard_normal((2, 3, size, size)).astype(np.float32)}
    results = [ngc.compile(graph, threads=threads).run_poisoned(feeds)[0] for threads in (1, 2, 3)]
    assert np.isfinite(results[0]).all()
    assert results[0].std() > 0
    for other in (ngc.compile(graph, threads=2).run(feeds)[0], *results[1:]):
        np.testing.assert_array_equal(other, results[0])
