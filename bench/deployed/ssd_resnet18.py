"""SSD (Liu et al., "SSD: Single Shot MultiBox Detector", 2016) of 300x300 images on a ResNet-18, with the head that GluonCV's networks are exported with.

Six maps, 38x38 to 1x1, have 8732 anchors. Scores of all classes become rows [class, score, corners], one list, of which the best 400 go through
suppression and the first 100 are returned.
"""

from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from bench.deployed.dilated_resnet import conv_norm
from bench.deployed.model import Built, DeployedModel
from bench.deployed.seeding import seeded
from bench.zoo_models import sample_images

SIZE = 300
CLASSES = 20
"""Those of Pascal VOC."""

_WIDTHS = (64, 128, 256, 512)
_EXTRA_WIDTHS = (512, 256)
"""Channels of the maps after the ResNet's; the last of them is averaged to one more."""

_SIDES = (30.0, 60.0, 111.0, 162.0, 213.0, 264.0, 315.0)
"""Side lengths in pixels of the anchors of one map and the next."""

_RATIOS = ((1.0, 2.0, 0.5), *((1.0, 2.0, 0.5, 3.0, 1 / 3),) * 3, *((1.0, 2.0, 0.5),) * 2)
_STEPS = (8, 16, 32, 64, 100, 300)
_ALLOCATED = 48
"""Rows and columns of anchors that the parameters have for the first map, half as many for each after it: GluonCV cuts them to the map's size."""

_BACKGROUND, _SPREAD = 10.5, 1.25
"""What makes few classes of few anchors likely, as in a trained network: the bias of the background, and the standard deviation of other classes' logits."""

PLACE, EXTENT = 0.1, 0.2
"""Standard deviations that offsets are given in: of centers in units of an anchor, and of logarithms of extents."""


@dataclass(frozen=True)
class Anchors:
    """The anchors of one map: their side lengths, the next map's, ratios of width and height, and the pixels between two of them."""

    side: float
    next_side: float
    ratios: tuple[float, ...]
    step: int

    @property
    def count(self) -> int:
        """Anchors of a place: one of each ratio, and one between this map's size and the next's."""
        return len(self.ratios) + 1

    def boxes(self, places: int) -> np.ndarray:
        """Returns centers and extents (1, 1, places, places, 4 * count) in pixels."""
        roots = np.sqrt(np.array(self.ratios[1:]))
        between = np.sqrt(self.side * self.next_side)
        extents = np.concatenate([[[self.side] * 2, [between] * 2], np.stack([self.side * roots, self.side / roots], 1)])
        centers = (np.arange(places) + 0.5) * self.step
        grid = np.stack(np.meshgrid(centers, centers), -1)[:, :, None]
        parts = [np.broadcast_to(part, (places, places, self.count, 2)) for part in (grid, extents)]
        return np.asarray(np.concatenate(parts, -1).reshape(1, 1, places, places, -1), np.float32)


ANCHORS = tuple(Anchors(*spec) for spec in zip(_SIDES, _SIDES[1:], _RATIOS, _STEPS, strict=False))


def _block(mx: ModuleType, x: Any, width: int, name: str, stride: int, project: bool) -> Any:
    y = conv_norm(mx, x, width, 3, f"{name}_first", stride=stride)
    y = conv_norm(mx, y, width, 3, f"{name}_second", relu=False)
    shortcut = conv_norm(mx, x, width, 1, f"{name}_shortcut", stride=stride, relu=False) if project else x
    return mx.sym.Activation(y + shortcut, act_type="relu", name=f"{name}_relu")


def feature_maps(mx: ModuleType, data: Any, narrow: int = 1, blocks: int = 2) -> list[Any]:
    """Returns the maps of the second to the fourth stage of a ResNet-18, two more of half the size each, and the average of the last.

    For tests a network may be `narrow` times as narrow, with fewer residual blocks in a stage.
    """
    x = conv_norm(mx, data, _WIDTHS[0] // narrow, 7, "stem", stride=2)
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max", name="stem_pool")
    maps = []
    for stage, width in enumerate(_WIDTHS, 1):
        for block in range(blocks):
            x = _block(mx, x, width // narrow, f"stage{stage}_block{block}", 2 if stage > 1 and block == 0 else 1, stage > 1 and block == 0)
        maps.append(x)
    for number, width in enumerate(_EXTRA_WIDTHS):
        x = conv_norm(mx, x, width // narrow // 2, 1, f"extra{number}_reduce")
        x = conv_norm(mx, x, width // narrow, 3, f"extra{number}", stride=2)
        maps.append(x)
    maps.append(mx.sym.Pooling(x, pool_type="avg", global_pool=True, kernel=(1, 1), name="global_pool"))
    return maps[1:]


def _predictions(mx: ModuleType, maps: list[Any], numbers: int, last: int, name: str) -> Any:
    """Returns (batch, anchors, last): what 3x3 convolutions say of each anchor of all maps, in the order of places."""
    parts = []
    for level, (x, anchors) in enumerate(zip(maps, ANCHORS, strict=True)):
        y = mx.sym.Convolution(x, num_filter=anchors.count * numbers, kernel=(3, 3), pad=(1, 1), name=f"{name}{level}")
        parts.append(mx.sym.Flatten(mx.sym.transpose(y, axes=(0, 2, 3, 1))))
    return mx.sym.reshape(mx.sym.concat(*parts, dim=1), shape=(0, -1, last))


def _all_anchors(mx: ModuleType, maps: list[Any]) -> Any:
    """Returns the anchors (1, anchors, 4) of all maps: parameters that are cut to the maps' sizes."""
    parts = []
    for level, x in enumerate(maps):
        known = mx.sym.slice_like(mx.sym.var(f"anchors{level}"), x * 0, axes=(2, 3))
        parts.append(mx.sym.reshape(known, shape=(1, -1)))
    return mx.sym.reshape(mx.sym.concat(*parts, dim=1), shape=(1, -1, 4))


def _rows(mx: ModuleType, logits: Any, boxes: Any, classes: int) -> Any:
    """Returns the rows [class, score, corners] of every class and anchor, class by class; of unlikely ones the class is -1 and the score 0."""
    probabilities = mx.sym.softmax(logits, axis=-1, name="probabilities")
    scores = mx.sym.slice_axis(probabilities, axis=-1, begin=1, end=None)
    template = mx.sym.zeros_like(mx.sym.slice_axis(probabilities, axis=-1, begin=0, end=1))
    ids = mx.sym.broadcast_add(template, mx.sym.reshape(mx.sym.arange(classes), shape=(1, 1, classes)))
    likely = scores > 0.01
    ids = mx.sym.where(likely, ids, mx.sym.ones_like(ids) * -1)
    scores = mx.sym.where(likely, scores, mx.sym.zeros_like(scores))
    rows = []
    for number in range(classes):
        of_class = [mx.sym.slice_axis(value, axis=-1, begin=number, end=number + 1) for value in (ids, scores)]
        rows.append(mx.sym.concat(*of_class, boxes, dim=-1))
    return mx.sym.concat(*rows, dim=1)


def detections(mx: ModuleType, rows: Any) -> Any:
    """Returns the first 100 rows after suppression as classes, scores and corners."""
    kept = mx.sym.contrib.box_nms(rows, overlap_thresh=0.45, topk=400, valid_thresh=0.01, id_index=0, score_index=1, coord_start=2, force_suppress=False,
                                  name="nms")
    first = mx.sym.slice_axis(kept, axis=1, begin=0, end=100)
    parts = zip(("ids", "scores", "boxes"), (0, 1, 2), (1, 2, 6), strict=True)
    return mx.sym.Group([mx.sym.slice_axis(first, axis=2, begin=begin, end=end, name=name) for name, begin, end in parts])


def build(mx: ModuleType, seed: int, size: int = SIZE, classes: int = CLASSES, narrow: int = 1, blocks: int = 2) -> Built:
    """Returns the detector; smaller images, fewer classes and smaller backbones are for tests."""
    maps = feature_maps(mx, mx.sym.var("data"), narrow, blocks)
    logits = _predictions(mx, maps, classes + 1, classes + 1, "classes")
    offsets = _predictions(mx, maps, 4, 4, "offsets")
    boxes = mx.sym.contrib.box_decode(offsets, _all_anchors(mx, maps), PLACE, PLACE, EXTENT, EXTENT, format="center", name="decode")
    symbol = detections(mx, _rows(mx, logits, boxes, classes))
    trunk = mx.sym.Group([logits, offsets])
    _, arguments, states = seeded(mx, trunk, images(4, size), seed)
    for level, anchors in enumerate(ANCHORS):
        arguments[f"anchors{level}"] = anchors.boxes(max(_ALLOCATED >> level, 2))
        bias = arguments[f"classes{level}_bias"].reshape(anchors.count, classes + 1)
        arguments[f"classes{level}_weight"] *= _SPREAD / 2**0.5
        bias[:, 0] += _BACKGROUND
    return symbol, arguments, states


def images(batch: int, size: int = SIZE) -> dict[str, np.ndarray]:
    """Returns seeded images."""
    return {"data": sample_images(np.random.default_rng(1), (batch, 3, size, size))}


MODEL = DeployedModel("ssd_resnet18", build, partial(images, size=SIZE), tolerance=1e-3, head_free=("probabilities_output", "decode_output"))
