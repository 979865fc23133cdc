"""Boxes, anchors, suppression and regions of interest against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]


def candidates(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """Returns rows [class, score, left, top, right, bottom] with ties among scores, classes of fractions and negative ones, and empty boxes."""
    rows = np.empty((*shape, 6), dtype)
    rows[..., 0] = rng.choice([-1, -0.5, 0, 1, 1.5, 2], shape)
    rows[..., 1] = rng.choice(np.linspace(-0.2, 1, 13), shape)
    rows[..., 2:4] = rng.uniform(-1, 4, (*shape, 2))
    rows[..., 4:] = rows[..., 2:4] + rng.uniform(-0.5, 4, (*shape, 2))
    return rows


SUPPRESSIONS: list[dict[str, Any]] = [
    {},
    {"id_index": 0},
    {"id_index": 0, "background_id": 1, "valid_thresh": 0.3},
    {"id_index": 0, "background_id": 0, "force_suppress": True},
    {"topk": 5},
    {"topk": 0},
    {"topk": 500, "overlap_thresh": 0.2},
    {"valid_thresh": -1, "overlap_thresh": 0},
    {"valid_thresh": 2},
    {"out_format": "center"},
    {"in_format": "center", "id_index": 0},
    {"in_format": "center", "out_format": "center"},
    {"score_index": 0, "coord_start": 1, "id_index": 5},
]


@pytest.mark.parametrize("attrs", SUPPRESSIONS, ids=str)
@pytest.mark.parametrize("shape", [(2, 40), (1, 1), (2, 3, 9)])
def test_box_nms(attrs: dict[str, Any], shape: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.box_nms(mx.sym.var("x"), name="nms", **attrs)
    check(symbol, {"x": candidates(rng, shape)}, scale=0)


def test_box_nms_without_batch_and_of_other_floats(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.box_nms(mx.sym.var("x"), id_index=0, name="nms")
    check(symbol, {"x": candidates(rng, (30,))}, batch=False, scale=0)
    check(symbol, {"x": candidates(rng, (2, 30), "float64")}, scale=0)


def test_nan_is_no_score_and_zeros_of_both_signs_tie(mx: ModuleType, check: Check) -> None:
    rows = np.float32([[0, np.nan, 0, 0, 1, 1], [0, -0.0, 0, 0, 1, 1], [0, 0, 5, 5, 6, 6], [0, np.inf, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]])
    check(mx.sym.contrib.box_nms(mx.sym.var("x"), valid_thresh=-1), {"x": rows[None]}, scale=0)


@pytest.mark.parametrize(("attrs", "message"), [
    ({"coord_start": 3}, "coordinates from column 3 on and the score in column 1 do not fit rows of 6 columns"),
    ({"score_index": 4}, "coordinates from column 2 on and the score in column 4"),
    ({"id_index": 1}, "the class in column 1 is outside rows of 6 columns, or a coordinate, or the score"),
])  # fmt: skip
def test_columns_that_box_nms_refuses(attrs: dict[str, int], message: str, mx: ModuleType) -> None:
    symbol = mx.sym.contrib.box_nms(mx.sym.var("x"), name="nms", **attrs)
    with pytest.raises(ImportFailure, match=message):
        import_model((symbol, {}, {}), shapes={"x": (1, 4, 6)})


def test_boxes_of_a_batch_as_one_list_are_refused(mx: ModuleType) -> None:
    symbol = mx.sym.contrib.box_nms(mx.sym.var("x"), name="nms")
    with pytest.raises(ImportFailure, match="boxes of a list do not depend on N"):
        import_model((symbol, {}, {}), shapes={"x": ("N", 6)})


@pytest.mark.parametrize("format", ["corner", "center"])
@pytest.mark.parametrize(("left", "right"), [((5, 4), (3, 4)), ((2, 3, 4), (4, 4)), ((1, 4), (2, 2, 4))])
def test_box_iou(format: str, left: tuple[int, ...], right: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    lhs, rhs = (rng.uniform(-0.5, 1, shape).astype(np.float32) for shape in (left, right))
    lhs[..., 2:] += 0.5
    lhs.reshape(-1, 4)[0] = rhs.reshape(-1, 4)[0] = 0
    symbol = mx.sym.contrib.box_iou(mx.sym.var("lhs"), mx.sym.var("rhs"), format=format)
    check(symbol, {"lhs": lhs, "rhs": rhs}, batch=False)


def test_what_box_iou_refuses(mx: ModuleType) -> None:
    symbol = mx.sym.contrib.box_iou(mx.sym.var("lhs"), mx.sym.var("rhs"), name="iou")
    with pytest.raises(ImportFailure, match=r"overlaps of N boxes with N others are N\*N numbers"):
        import_model((symbol, {}, {}), shapes={"lhs": ("N", 4), "rhs": ("N", 4)})
    with pytest.raises(ImportFailure, match=r"boxes of shape \(2, 5\), expected \(..., 4\)"):
        import_model((symbol, {}, {}), shapes={"lhs": (2, 5), "rhs": (2, 4)})


@pytest.mark.parametrize("attrs", [{}, {"std0": 0.1, "std1": 0.1, "std2": 0.2, "std3": 0.2}, {"format": "corner", "std3": 0.5}, {"clip": 0.25}], ids=str)
def test_box_decode(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.box_decode(mx.sym.var("data"), mx.sym.var("anchors"), **attrs)
    feeds = {"data": rng.normal(size=(2, 7, 4)).astype(np.float32), "anchors": rng.uniform(0, 1, (1, 7, 4)).astype(np.float32)}
    check(symbol, feeds, ("anchors",), reduction=4)


def test_box_decode_refuses_anchors_of_each_image(mx: ModuleType) -> None:
    symbol = mx.sym.contrib.box_decode(mx.sym.var("data"), mx.sym.var("anchors"), name="decode")
    with pytest.raises(ImportFailure, match=r"anchors of shape \(2, 7, 4\), expected \(batch, boxes, 4\) and \(1, boxes, 4\)"):
        import_model((symbol, {}, {}), shapes={"data": (2, 7, 4), "anchors": (2, 7, 4)})


@pytest.mark.parametrize("attrs", [
    {}, {"sizes": (0.5, 0.3)}, {"sizes": (0.5, 0.3), "ratios": (4, 2, 0.5)}, {"sizes": (0.9,), "clip": True},
    {"sizes": (0.4,), "ratios": (1, 3), "steps": (0.2, 0.25), "offsets": (0.25, 0.75)},
], ids=str)  # fmt: skip
def test_multibox_prior(attrs: dict[str, Any], mx: ModuleType, check: Check) -> None:
    symbol = mx.sym.contrib.MultiBoxPrior(mx.sym.var("data"), name="anchors", **attrs)
    check(symbol, {"data": np.zeros((2, 3, 5, 4), np.float32)}, reduction=4)


@pytest.mark.parametrize("attrs", [{"sizes": ()}, {"steps": (0.1, -1)}, {"offsets": (0.5,)}])
def test_anchors_that_mean_nothing_are_refused(attrs: dict[str, Any], mx: ModuleType) -> None:
    symbol = mx.sym.contrib.MultiBoxPrior(mx.sym.var("data"), name="anchors", **attrs)
    with pytest.raises(ImportFailure, match=r"at least one size and ratio|expected \(y, x\) each"):
        import_model((symbol, {}, {}), shapes={"data": ("N", 3, 5, 4)})


def multibox_feeds(rng: np.random.Generator, batch: int, classes: int, anchors: int) -> dict[str, np.ndarray]:
    """Returns scores with ties, offsets and anchors that overlap."""
    boxes = rng.uniform(0, 0.6, (1, anchors, 4)).astype(np.float32)
    boxes[..., 2:] = boxes[..., :2] + rng.uniform(0.2, 0.5, (1, anchors, 2))
    scores = rng.choice(np.linspace(0, 1, 9), (batch, classes, anchors)).astype(np.float32)
    return {"scores": scores, "offsets": (rng.normal(size=(batch, anchors * 4)) * 0.5).astype(np.float32), "anchors": boxes}


@pytest.mark.parametrize("attrs", [
    {}, {"threshold": 0.6, "nms_threshold": 0.3}, {"nms_topk": 4}, {"nms_topk": 400}, {"force_suppress": True, "clip": False}, {"nms_threshold": 0},
    {"nms_threshold": 2, "variances": (0.2, 0.1, 0.1, 0.3)}, {"background_id": 1}, {"nms_threshold": 1},
], ids=str)  # fmt: skip
def test_multibox_detection(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.MultiBoxDetection(mx.sym.var("scores"), mx.sym.var("offsets"), mx.sym.var("anchors"), **attrs)
    check(symbol, multibox_feeds(rng, 2, 3, 30), ("anchors",), reduction=4)


def test_background_alone_is_never_detected(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.MultiBoxDetection(mx.sym.var("scores"), mx.sym.var("offsets"), mx.sym.var("anchors"))
    check(symbol, multibox_feeds(rng, 1, 1, 3), ("anchors",), reduction=1)


def test_multibox_detection_refuses_other_shapes(mx: ModuleType) -> None:
    symbol = mx.sym.contrib.MultiBoxDetection(mx.sym.var("scores"), mx.sym.var("offsets"), mx.sym.var("anchors"), name="detect")
    shapes = {"scores": ("N", 3, 8), "offsets": ("N", 32), "anchors": (1, 8, 4)}
    with pytest.raises(ImportFailure, match=r"takes offsets \(N, 32\) and anchors \(1, 8, 4\), not \(N, 31\)"):
        import_model((symbol, {}, {}), shapes={**shapes, "offsets": ("N", 31)})
    with pytest.raises(ImportFailure, match=r"scores of a shape \(batch, classes, anchors\)"):
        import_model((symbol, {}, {}), shapes={**shapes, "scores": ("N", 24)})
    three = mx.sym.contrib.MultiBoxDetection(*(mx.sym.var(name) for name in shapes), variances=(0.1, 0.1, 0.2))
    with pytest.raises(ImportFailure, match="takes four variances, not 3"):
        import_model((three, {}, {}), shapes=shapes)


def test_training_targets_are_refused(mx: ModuleType) -> None:
    symbol = mx.sym.contrib.MultiBoxTarget(mx.sym.var("anchors"), mx.sym.var("label"), mx.sym.var("scores"), name="target")
    with pytest.raises(UnsupportedOperator, match=r"_contrib_MultiBoxTarget x1: .*\n    trains: a loss, its targets or its regularization"):
        import_model((symbol, {}, {}), shapes={"anchors": (1, 8, 4), "label": (1, 2, 5), "scores": (1, 3, 8)})


def regions(rng: np.random.Generator, count: int, images: int, size: float) -> np.ndarray:
    """Returns regions inside and around of a map, small and large ones."""
    rows = np.empty((count, 5), np.float32)
    rows[:, 0] = rng.integers(0, images, count)
    rows[:, 1:3] = rng.uniform(-0.3 * size, size, (count, 2))
    rows[:, 3:] = rows[:, 1:3] + rng.uniform(0.1, size, (count, 2))
    return rows


@pytest.mark.parametrize("attrs", [
    {"pooled_size": (2, 3), "spatial_scale": 1.0}, {"pooled_size": (3, 2), "spatial_scale": 0.5, "sample_ratio": 2},
    {"pooled_size": (2, 2), "spatial_scale": 0.7, "aligned": True}, {"pooled_size": (1, 2), "spatial_scale": 0.9, "position_sensitive": True},
    {"pooled_size": (7, 7), "spatial_scale": 0.25, "sample_ratio": 3, "aligned": True},
], ids=str)  # fmt: skip
def test_roi_align(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.ROIAlign(mx.sym.var("data"), mx.sym.var("rois"), **attrs)
    feeds = {"data": rng.normal(size=(2, 6, 9, 11)).astype(np.float32), "rois": regions(rng, 9, 2, 12)}
    check(symbol, feeds, batch=False, reduction=100)


@pytest.mark.parametrize("attrs", [{"pooled_size": (2, 3), "spatial_scale": 1.0}, {"pooled_size": (7, 6), "spatial_scale": 0.5}], ids=str)
def test_roi_pooling(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.ROIPooling(mx.sym.var("data"), mx.sym.var("rois"), **attrs)
    check(symbol, {"data": rng.normal(size=(2, 3, 9, 11)).astype(np.float32), "rois": regions(rng, 9, 2, 12)}, batch=False)
    whole = np.float32([[0, 0.5, 1.5, 3.5, 2.5], [1, -2.5, -0.5, 20, 20], [0, 50, 50, 60, 60], [0, 5, 5, 2, 2]])
    check(symbol, {"data": rng.normal(size=(2, 3, 9, 11)).astype(np.float32), "rois": whole}, batch=False)


@pytest.mark.parametrize(("shapes", "attrs", "message"), [
    ({"data": (1, 2, 8, 8), "rois": (3, 4)}, {}, r"takes regions of a shape \(regions, 5\), not \(3, 4\)"),
    ({"data": (1, 2, 8), "rois": (3, 5)}, {}, r"takes data of a shape \(batch, channels, height, width\)"),
    ({"data": (1, 6, 8, 8), "rois": (3, 5)}, {"position_sensitive": True}, "6 channels are no groups of 4"),
])  # fmt: skip
def test_regions_that_are_refused(shapes: dict[str, tuple[int, ...]], attrs: dict[str, Any], message: str, mx: ModuleType) -> None:
    symbol = mx.sym.contrib.ROIAlign(mx.sym.var("data"), mx.sym.var("rois"), **{"pooled_size": (2, 2), "spatial_scale": 1.0, **attrs})
    with pytest.raises(ImportFailure, match=message):
        import_model((symbol, {}, {}), shapes=shapes)
