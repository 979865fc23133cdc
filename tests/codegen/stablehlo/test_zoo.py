"""Whole networks of the model zoo as StableHLO on XLA's CPU client, against MXNet. Skipped where MXNet is not installed."""

from types import ModuleType

import numpy as np
import pytest

from bench.measures import relative_error
from bench.zoo_models import NETWORKS, input_shape, randomize, sample_images
from ngc.importer import import_model
from ngc.passes import PassManager
from ngc.passes.registry import PIPELINES
from tests.codegen.stablehlo.xla import engine

QUICK = ("resnet18_v1", "resnet18_v2", "mobilenetv2_0.25", "squeezenet1.1")


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in NETWORKS])
def test_a_network_gives_mxnets_answers(mx: ModuleType, name: str) -> None:
    net = mx.gluon.model_zoo.vision.get_model(name)
    images = sample_images(np.random.default_rng(2), input_shape(name, 2))
    randomize(mx, net, images, seed=0)
    wanted = net(mx.nd.array(images)).asnumpy()
    graph = import_model(net, shapes={"data": images.shape})
    PassManager(PIPELINES["canonical"]).run(graph)
    [scores] = engine(graph).run([images])
    assert wanted.std() > 0
    # f32 through up to 200 layers, summed in another order.
    assert relative_error(scores, wanted) < 1e-4
