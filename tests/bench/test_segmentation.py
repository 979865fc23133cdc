"""FCN and DeepLabV3 compile without fallback and give what MXNet gives, here and in other engines that read ngc's ONNX."""

from types import ModuleType

import numpy as np
import pytest

import ngc
from bench.deployed import deeplab_resnet50, fcn_resnet50
from bench.deployed.model import Built
from ngc.importer import import_model
from ngc.passes import PassManager
from tests.importer.conftest import run_mxnet
from tests.onnx_models import assert_peers_give

NETWORKS = {module.MODEL.name: module for module in (fcn_resnet50, deeplab_resnet50)}
SMALL, DEPTHS = 64, (1, 1, 1, 1)


def answers(mx: ModuleType, network: Built, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Returns what MXNet computes."""
    symbol, args, aux = network
    return run_mxnet(mx, symbol, {**args, **aux, **feeds})


def assert_near(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float) -> None:
    for got, wanted in zip(found, expected, strict=True):
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_small_network_is_what_mxnet_computes(name: str, mx: ModuleType) -> None:
    network = NETWORKS[name].build(mx, 0, SMALL, DEPTHS)
    feeds = {"data": NETWORKS[name].images(2, SMALL)["data"]}
    exe = ngc.compile(network, shapes={"data": ("N", 3, SMALL, SMALL)}, threads=2)
    found, expected = exe.run(feeds), answers(mx, network, feeds)
    assert all(output.std() > 0.3 for output in expected)  # the comparison is of numbers that say something
    assert_near(list(found), expected, NETWORKS[name].MODEL.tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runtime_and_openvino_take_a_small_network(name: str, mx: ModuleType) -> None:
    pytest.importorskip("onnx")
    network = NETWORKS[name].build(mx, 0, SMALL, DEPTHS)
    feeds = NETWORKS[name].images(1, SMALL)
    graph = import_model(network, shapes={"data": (1, 3, SMALL, SMALL)})
    PassManager("canonicalize").run(graph)
    assert_peers_give(graph, feeds, answers(mx, network, feeds), 1e-4)


@pytest.mark.full
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_what_mxnet_computes(name: str, mx: ModuleType) -> None:
    model = NETWORKS[name].MODEL
    network, feeds = model.build(mx, 0), model.inputs(1)
    exe = ngc.compile(network, shapes={"data": feeds["data"].shape}, threads=2)
    assert_near(list(exe.run(feeds)), answers(mx, network, feeds), model.tolerance)
