"""The detectors that MXNet's users deploy, compiled without fallback, against MXNet: boxes within a thousandth, the same classes in the same order."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
from bench.deployed import ssd_resnet18, yolo3_darknet53
from bench.deployed.model import Built

Build = Callable[[ModuleType], Built]


def mxnet_outputs(mx: ModuleType, built: Built, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Returns what MXNet computes."""
    symbol, arguments, states = built
    arrays = {name: mx.nd.array(array) for name, array in {**arguments, **states, **feeds}.items()}
    executor = symbol.bind(mx.cpu(), {name: arrays[name] for name in symbol.list_arguments()},
                           aux_states={name: arrays[name] for name in symbol.list_auxiliary_states()}, grad_req="null")
    return [output.asnumpy() for output in executor.forward(is_train=False)]


def check(mx: ModuleType, built: Built, feeds: dict[str, np.ndarray]) -> Any:
    """Compares classes, scores and boxes of the first 100 detections; returns the executable."""
    wanted_ids, wanted_scores, wanted_boxes = mxnet_outputs(mx, built, feeds)
    executable = ngc.compile(built, shapes={name: array.shape for name, array in feeds.items()}, threads=2)
    ids, scores, boxes = executable.run(feeds)
    assert len(np.unique(wanted_ids)) > 2
    np.testing.assert_array_equal(ids, wanted_ids)
    # Exponentials of sums over thousands of products: logits of order ten are some 1e-5 off.
    np.testing.assert_allclose(scores, wanted_scores, atol=1e-4)
    np.testing.assert_allclose(boxes, wanted_boxes, atol=1e-3)
    return executable


SMALL: dict[str, tuple[Build, int]] = {
    "ssd": (lambda mx: ssd_resnet18.build(mx, 0, 96, 4, narrow=8, blocks=1), 96),
    "yolo3": (lambda mx: yolo3_darknet53.build(mx, 0, 64, 5, (0, 0, 0, 0, 1), 4), 64),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_detectors(name: str, mx: ModuleType) -> None:
    build, size = SMALL[name]
    executable = check(mx, build(mx), ssd_resnet18.images(1, size))
    operators = [node.op for node in executable.graph]
    assert "column_nms" in operators  # no row is written for a class and a box that may be
    assert operators.count("slice") <= 16


@pytest.mark.full
@pytest.mark.parametrize("model", [ssd_resnet18.MODEL, yolo3_darknet53.MODEL], ids=lambda model: model.name)
def test_detectors_as_deployed(model: Any, mx: ModuleType) -> None:
    check(mx, model.build(mx, 0), model.inputs(1))


def test_scores_of_anchors_are_detections_as_in_mxnets_example(mx: ModuleType) -> None:
    """MXNet's own example/ssd has its anchors from MultiBoxPrior and its detections from MultiBoxDetection, for any batch."""
    data = mx.sym.var("data")
    scores, offsets, anchors = [], [], []
    x = data
    for level, sizes in enumerate(((0.2, 0.27), (0.5, 0.6))):
        x = mx.sym.Convolution(x, num_filter=16, kernel=(3, 3), stride=(2, 2), pad=(1, 1), name=f"body{level}")
        x = mx.sym.Activation(x, act_type="relu")
        for parts, numbers, name in ((scores, 4 * 3, "scores"), (offsets, 4 * 4, "offsets")):
            y = mx.sym.Convolution(x, num_filter=numbers, kernel=(3, 3), pad=(1, 1), name=f"{name}{level}")
            parts.append(mx.sym.Flatten(mx.sym.transpose(y, axes=(0, 2, 3, 1))))
        anchors.append(mx.sym.contrib.MultiBoxPrior(x, sizes=sizes, ratios=(1, 2, 0.5), clip=False))
    logits = mx.sym.transpose(mx.sym.reshape(mx.sym.concat(*scores, dim=1), shape=(0, -1, 3)), axes=(0, 2, 1))
    probabilities = mx.sym.softmax(logits, axis=1)
    symbol = mx.sym.contrib.MultiBoxDetection(probabilities, mx.sym.concat(*offsets, dim=1), mx.sym.concat(*anchors, dim=1), nms_threshold=0.45,
                                              threshold=0.2, name="detection")
    rng = np.random.default_rng(3)
    shapes, _, _ = symbol.infer_shape(data=(2, 3, 32, 32))
    arguments = {name: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1) * 1.5).astype(np.float32)
                 for name, shape in zip(symbol.list_arguments(), shapes, strict=True) if name != "data"}
    feeds = ssd_resnet18.images(2, 32)
    [wanted] = mxnet_outputs(mx, (symbol, arguments, {}), feeds)
    [found] = ngc.compile((symbol, arguments, {}), shapes={"data": ("N", 3, 32, 32)}, threads=2).run(feeds)
    assert (wanted[..., 0] >= 0).sum() > 20
    np.testing.assert_array_equal(found[..., 0], wanted[..., 0])
    np.testing.assert_allclose(found, wanted, atol=1e-4)
