"""YOLOv3 (Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018) of 320x320 images on Darknet-53, with the head of GluonCV's exported networks.

Three maps, 10x10 to 40x40, have 6300 anchors of 80 classes. All become rows [class, score, corners], one list of 504000, of which the best 400 go through
suppression and the first 100 are returned.
"""

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from bench.deployed.dilated_resnet import conv_norm
from bench.deployed.model import Built, DeployedModel
from bench.deployed.seeding import seeded
from bench.deployed.ssd_resnet18 import detections, images

SIZE = 320
CLASSES = 80
"""Those of COCO."""

DEPTHS = (1, 2, 8, 8, 4)
"""Residual blocks of the stages, each of which halves the map and doubles the channels."""

WIDTH = 32
"""Channels of the first convolution."""

_ANCHORS = (((116, 90), (156, 198), (373, 326)), ((30, 61), (62, 45), (59, 119)), ((10, 13), (16, 30), (33, 23)))
"""Widths and heights in pixels of the anchors of each map, the smallest map first."""

_STRIDES = (32, 16, 8)
_ALLOCATED = 64
"""Rows and columns of offsets that the parameters have: GluonCV cuts them to the map's size."""

_OBJECT_BIAS, _CLASS_BIAS, _SPREAD, _BOX_SPREAD = -6.0, -5.0, 3.5, 0.25
"""What makes few objects of few classes likely, as in a trained network: the biases, the standard deviation of both logits, and of what boxes are made of."""


def _conv(mx: ModuleType, x: Any, filters: int, kernel: int, name: str, stride: int = 1) -> Any:
    y = conv_norm(mx, x, filters, kernel, name, stride=stride, relu=False)
    return mx.sym.LeakyReLU(y, slope=0.1, name=f"{name}_leaky")


def backbone(mx: ModuleType, data: Any, depths: tuple[int, ...] = DEPTHS, width: int = WIDTH) -> list[Any]:
    """Returns the maps of the last three stages of Darknet-53, the smallest first."""
    x = _conv(mx, data, width, 3, "stem")
    maps = []
    for stage, depth in enumerate(depths):
        channels = 2 * width << stage
        x = _conv(mx, x, channels, 3, f"stage{stage}", 2)
        for block in range(depth):
            y = _conv(mx, x, channels // 2, 1, f"stage{stage}_block{block}_reduce")
            x = x + _conv(mx, y, channels, 3, f"stage{stage}_block{block}")
        maps.append(x)
    return maps[:1:-1]


def _tower(mx: ModuleType, x: Any, width: int, name: str) -> tuple[Any, Any]:
    """Returns a map after five convolutions, 1x1 and 3x3 in turn, and after a sixth, what predictions are made of."""
    for number in range(5):
        x = _conv(mx, x, width * (1 + number % 2), 1 + 2 * (number % 2), f"{name}_conv{number}")
    return x, _conv(mx, x, width * 2, 3, f"{name}_tip")


def predictions(mx: ModuleType, data: Any, classes: int, depths: tuple[int, ...] = DEPTHS, width: int = WIDTH) -> list[Any]:
    """Returns the raw predictions of each scale, (batch, anchors * (5 + classes), rows, columns)."""
    found = []
    x = None
    for scale, route in enumerate(backbone(mx, data, depths, width)):
        if x is None:
            x = route
        else:
            x = _conv(mx, x, 16 * width >> scale, 1, f"transition{scale}")
            x = mx.sym.repeat(mx.sym.repeat(x, axis=-1, repeats=2), axis=-2, repeats=2)
            x = mx.sym.concat(mx.sym.slice_like(x, route * 0, axes=(2, 3)), route, dim=1)
        x, tip = _tower(mx, x, 16 * width >> scale, f"tower{scale}")
        found.append(mx.sym.Convolution(tip, num_filter=len(_ANCHORS[scale]) * (5 + classes), kernel=(1, 1), name=f"prediction{scale}"))
    return found


def _rows(mx: ModuleType, raw: Any, scale: int, classes: int) -> Any:
    """Returns the rows [class, score, corners] of one scale, class by class."""
    anchors, numbers = len(_ANCHORS[scale]), 5 + classes
    y = mx.sym.transpose(mx.sym.reshape(raw, shape=(0, anchors * numbers, -1)), axes=(0, 2, 1))
    y = mx.sym.reshape(y, shape=(0, -1, anchors, numbers))
    centers, scales, objects, kinds = (mx.sym.slice_axis(y, axis=-1, begin=begin, end=end) for begin, end in ((0, 2), (2, 4), (4, 5), (5, None)))
    places = mx.sym.slice_like(mx.sym.var(f"offsets{scale}"), raw * 0, axes=(2, 3))
    places = mx.sym.reshape(places, shape=(1, -1, 1, 2))
    middle = mx.sym.broadcast_add(mx.sym.sigmoid(centers), places) * _STRIDES[scale]
    half = mx.sym.broadcast_mul(mx.sym.exp(scales), mx.sym.var(f"anchors{scale}")) / 2.0
    corners = mx.sym.concat(middle - half, middle + half, dim=-1)
    likelihood = mx.sym.broadcast_mul(mx.sym.sigmoid(kinds), mx.sym.sigmoid(objects))
    scores = mx.sym.expand_dims(mx.sym.transpose(likelihood, axes=(3, 0, 1, 2)), axis=-1)
    ids = mx.sym.broadcast_add(scores * 0, mx.sym.reshape(mx.sym.arange(0, classes), shape=(0, 1, 1, 1, 1)))
    rows = mx.sym.concat(ids, scores, mx.sym.tile(corners, reps=(classes, 1, 1, 1, 1)), dim=-1)
    return mx.sym.reshape(mx.sym.transpose(rows, axes=(1, 0, 2, 3, 4)), shape=(0, -1, 6))


def build(mx: ModuleType, seed: int, size: int = SIZE, classes: int = CLASSES, depths: tuple[int, ...] = DEPTHS, width: int = WIDTH) -> Built:
    """Returns the detector; smaller images, fewer classes and smaller backbones are for tests."""
    raw = predictions(mx, mx.sym.var("data"), classes, depths, width)
    symbol = detections(mx, mx.sym.concat(*(_rows(mx, part, scale, classes) for scale, part in enumerate(raw)), dim=1))
    _, arguments, states = seeded(mx, mx.sym.Group(raw), images(4, size), seed)
    place = np.stack(np.meshgrid(np.arange(_ALLOCATED), np.arange(_ALLOCATED)), -1)[None, None].astype(np.float32)
    for scale, anchors in enumerate(_ANCHORS):
        arguments[f"offsets{scale}"] = place
        arguments[f"anchors{scale}"] = np.array(anchors, np.float32)[None, None]
        weight = arguments[f"prediction{scale}_weight"].reshape(len(anchors), 5 + classes, -1)
        bias = arguments[f"prediction{scale}_bias"].reshape(len(anchors), 5 + classes)
        weight[:, :4] *= _BOX_SPREAD / 2**0.5
        weight[:, 4:] *= _SPREAD / 2**0.5
        bias[:, 4] += _OBJECT_BIAS
        bias[:, 5:] += _CLASS_BIAS
    return symbol, arguments, states


MODEL = DeployedModel("yolo3_darknet53", build, partial(images, size=SIZE), tolerance=1e-3,
                      head_free=tuple(f"prediction{scale}_output" for scale in range(len(_ANCHORS))))
