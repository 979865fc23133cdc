"""What the default pipeline leaves of the networks of MXNet's model zoo. Skipped where MXNet is not installed."""

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import Graph, Weight
from ngc.passes import PIPELINES, PassManager
from tests.passes.nets import fired

FUSED = PIPELINES["cpu-fp32"].removesuffix(",assign-layout")

LEFT: dict[str, dict[str, int]] = {
    **{f"resnet{depth}_v1": {"pool": 2, "reshape": 1, "dense": 1} for depth in (18, 34)},
    **{f"resnet{depth}_v1": {"pool": 5, "reshape": 1, "dense": 1} for depth in (50, 101, 152)},
    **{f"resnet{depth}_v2": {"eltwise": 1, "pool": 2, "reshape": 1, "dense": 1} for depth in (18, 34)},
    **{f"resnet{depth}_v2": {"eltwise": 2, "pool": 2, "reshape": 1, "dense": 1} for depth in (50, 101, 152)},
    **{f"densenet{depth}": {"eltwise": 1, "concat": count, "pool": 5, "reshape": 1, "dense": 1}
       for depth, count in ((121, 58), (161, 78), (169, 82), (201, 98))},
    **{f"mobilenet{width}": {"pool": 1, "reshape": 1, "dense": 1} for width in ("1_0", "0_75", "0_5", "0_25")},
    **{f"mobilenet_v2_{width}": {"pool": 1, "reshape": 1} for width in ("1_0", "0_75", "0_5", "0_25")},
    **{f"vgg{depth}{norm}": {"pool": 5, "reshape": 1, "dense": 3} for depth in (11, 13, 16, 19) for norm in ("", "_bn")},
    "alexnet": {"pool": 3, "reshape": 1, "dense": 3},
    "inception_v3": {"pool": 14, "concat": 11, "reshape": 1, "dense": 1},
    **{f"squeezenet1_{minor}": {"concat": 8, "pool": 4, "reshape": 1} for minor in (0, 1)},
}
"""Operators that remain beside the convolutions. ResNet-v2 keeps the normalization of the data and, where its first block projects, the one behind
the first pool; DenseNet the last one; ResNet-v1 gains three pools that subsample shortcuts."""

QUICK = ("resnet18_v2", "resnet50_v1", "densenet121", "mobilenet_v2_1_0", "squeezenet1_1")


def network(name: str) -> Graph:
    """Returns a network of the zoo with fresh weights and means that are not zero, since shifts by zero fold into more layers."""
    from ngc.importer.mxnet_live import import_mxnet

    try:
        mx = import_mxnet()
    except ImportFailure as error:
        pytest.skip(str(error))
    from mxnet.gluon.model_zoo import vision

    net = getattr(vision, name)()
    net.initialize(mx.init.Uniform(0.05))
    size = 299 if name == "inception_v3" else 224
    graph = import_model(net, shapes={"data": ("N", 3, size, size)})
    for node in graph:
        if node.weight is not None and node.weight.name.endswith("running_mean"):
            node.weight = Weight(node.weight.name, np.full(node.type.shape, 0.5, np.float32))
    return graph


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in LEFT])
def test_only_what_moves_data_is_left_beside_the_convolutions(name: str) -> None:
    graph = network(name)
    before = graph.count()
    PassManager(FUSED).run(graph)
    assert graph.count() == {"conv2d": before["conv2d"], **LEFT[name]}
    kinds = [step.kind for node in graph for step in node.attrs.get("epilogue", ())]
    assert kinds.count("add") == before.get("add", 0)


def test_resnet_v2_writes_sums_raw_and_activated() -> None:
    graph = network("resnet18_v2")
    PassManager(FUSED).run(graph)
    tees = [node for node in graph if any(step.kind == "tee" for step in node.attrs.get("epilogue", ()))]
    assert [[step.kind for step in node.attrs["epilogue"]] for node in tees] == [["add", "tee", "affine", "relu"]] * 4


def test_densenet_normalizes_in_prologues() -> None:
    graph = network("densenet121")
    PassManager(FUSED).run(graph)
    assert fired(graph, "ChainThenConv") == 58 + 3


def test_resnet_v1_halves_the_end_of_three_stages() -> None:
    graph = network("resnet50_v1")
    PassManager(FUSED).run(graph)
    assert fired(graph, "ConvTakesStride") == 6
