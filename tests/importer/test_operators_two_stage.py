"""What detectors of two stages have, and what few have, against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.errors import CodegenError, ImportFailure
from ngc.importer import import_model
from tests.importer.test_operators_detection import regions

Check = Callable[..., Any]


@pytest.mark.parametrize("attrs", [{}, {"sampling_ratio": 2}, {"sampling_ratio": 3, "spatial_scale": 0.5}], ids=str)
def test_rotated_roi_align(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.RROIAlign(mx.sym.var("data"), mx.sym.var("rois"), **{"pooled_size": (2, 3), "spatial_scale": 1.0, **attrs})
    rois = np.stack([rng.integers(0, 2, 7), *rng.uniform(-2, 12, (2, 7)), *rng.uniform(0.2, 9, (2, 7)), rng.uniform(-180, 180, 7)], 1).astype(np.float32)
    check(symbol, {"data": rng.normal(size=(2, 3, 9, 11)).astype(np.float32), "rois": rois}, batch=False, reduction=100)


@pytest.mark.parametrize("attrs", [{"pooled_size": 2}, {"pooled_size": 3, "group_size": 2}, {"pooled_size": 2, "group_size": 2, "spatial_scale": 0.5}], ids=str)
def test_ps_roi_pooling(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.PSROIPooling(mx.sym.var("data"), mx.sym.var("rois"), **{"output_dim": 3, "spatial_scale": 1.0, **attrs})
    check(symbol, {"data": rng.normal(size=(2, 12, 9, 11)).astype(np.float32), "rois": regions(rng, 9, 2, 12)}, batch=False, reduction=20)


@pytest.mark.parametrize("attrs", [
    {"trans_std": 0.1}, {"sample_per_part": 3, "trans_std": 0.2, "part_size": 3}, {"no_trans": True, "sample_per_part": 2, "pooled_size": 3},
], ids=str)  # fmt: skip
def test_deformable_ps_roi_pooling(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    attrs = {"output_dim": 4, "spatial_scale": 0.5, "group_size": 2, "pooled_size": 2, **attrs}
    inputs = ["data", "rois"] if attrs.get("no_trans") else ["data", "rois", "trans"]
    symbol = mx.sym.contrib.DeformablePSROIPooling(*map(mx.sym.var, inputs), **attrs)
    parts = attrs.get("part_size", attrs["pooled_size"])
    feeds = {"data": rng.normal(size=(2, 16, 9, 11)).astype(np.float32), "rois": regions(rng, 5, 2, 22),
             "trans": rng.normal(size=(5, 4, parts, parts)).astype(np.float32)}
    check(symbol, {name: feeds[name] for name in inputs}, batch=False, reduction=20)


@pytest.mark.parametrize("attrs", [
    {}, {"rpn_pre_nms_top_n": 12, "threshold": 0.5}, {"iou_loss": True, "rpn_min_size": 2}, {"rpn_post_nms_top_n": 90, "rpn_pre_nms_top_n": -1},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("images", [1, 2])
def test_proposals(attrs: dict[str, Any], images: int, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    operator = mx.sym.contrib.Proposal if images == 1 else mx.sym.contrib.MultiProposal
    attrs = {"scales": (2, 4), "ratios": (0.5, 1, 2), "rpn_post_nms_top_n": 8, "rpn_min_size": 10, **attrs}
    symbol = operator(mx.sym.var("scores"), mx.sym.var("deltas"), mx.sym.var("images"), output_score=images == 1, **attrs)
    # no two scores of an image are equal: MXNet's sort leaves the order of ties open
    scores = rng.permuted(np.linspace(0, 1, 12 * 4 * 5, dtype=np.float32).reshape(1, 12, 4, 5).repeat(images, 0), axis=1)
    feeds = {"scores": rng.permuted(scores.reshape(images, -1), axis=1).reshape(scores.shape),
             "deltas": (rng.normal(size=(images, 24, 4, 5)) * 0.2).astype(np.float32),
             "images": np.float32([[64, 80, 1.0], [50, 61, 1.5]])[:images]}
    check(symbol, feeds, batch=False, reduction=4)


@pytest.mark.parametrize("attrs", [{"threshold": 0.3}, {"threshold": 0.6, "is_ascend": True}, {"threshold": 1e-12, "topk": 2}], ids=str)
def test_bipartite_matching(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.bipartite_matching(mx.sym.var("x"), **attrs)
    check(symbol, {"x": rng.uniform(0, 1, (2, 5, 4)).astype(np.float32)}, scale=0)
    check(symbol, {"x": rng.choice(np.float32([0.2, 0.4, 0.8]), (6, 3))}, batch=False, scale=0)


def test_box_encode(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    names = ("samples", "matches", "anchors", "refs", "means", "stds")
    boxes = [rng.uniform(0, 1, (2, count, 4)) + np.array([0, 0, 1, 1]) for count in (6, 3)]
    values = (rng.choice([-1, 0, 0.5, 0.6, 1], (2, 6)), rng.integers(0, 3, (2, 6)), *boxes, [0, 0.1, 0, -0.1], [0.1, 0.1, 0.2, 0.2])
    symbol = mx.sym.contrib.box_encode(*map(mx.sym.var, names))
    check(symbol, {name: np.float32(value) for name, value in zip(names, values, strict=True)}, ("means", "stds"), reduction=16)


ROIS = {"data": (1, 8, 6, 6), "rois": (3, 5)}


@pytest.mark.parametrize(("operator", "shapes", "attrs", "message"), [
    ("RROIAlign", ROIS, {"pooled_size": (2, 2)}, r"takes regions of a shape \(regions, 6\), not \(3, 5\)"),
    ("PSROIPooling", ROIS, {"pooled_size": 2, "output_dim": 3}, "3 channels in 2x2 groups take data of 12 channels, not 8"),
    ("PSROIPooling", {**ROIS, "data": (8, 6, 6)}, {"pooled_size": 2, "output_dim": 2}, r"takes data of a shape \(batch, channels, height, width\)"),
    ("DeformablePSROIPooling", {**ROIS, "trans": (3, 3, 2, 2)}, {"pooled_size": 2, "output_dim": 2, "group_size": 2},
     r"takes moves \(regions, 2 \* classes, 2, 2\) of classes that divide 2 channels, not \(3, 3, 2, 2\)"),
    ("Proposal", {"scores": (2, 2, 4, 4), "deltas": (2, 4, 4, 4), "images": (2, 3)}, {"scales": (4,), "ratios": (1,)}, "Proposal for one image only"),
    ("MultiProposal", {"scores": (2, 4, 4, 4), "deltas": (2, 4, 4, 4), "images": (2, 3)}, {"scales": (4,), "ratios": (1,)}, "with 1 anchors takes scores"),
    ("MultiProposal", {"scores": (2, 2, 4, 4), "deltas": (2, 4, 4, 4), "images": (2, 2)}, {"scales": (4,), "ratios": (1,)}, r"images \(batch, 3\)"),
    ("bipartite_matching", {"x": (3,)}, {"threshold": 0.5}, "takes matrices of float scores"),
    ("box_encode", {"a": (1, 6), "b": (1, 5), "c": (1, 6, 4), "d": (1, 3, 4), "e": (4,), "f": (4,)}, {}, r"takes samples and matches \(batch, boxes\)"),
    ("box_encode", {"a": (1, 6), "b": (1, 6), "c": (1, 6, 4), "d": (1, 3, 4), "e": (3,), "f": (4,)}, {}, "takes four means and deviations"),
])  # fmt: skip
def test_shapes_that_are_refused(operator: str, shapes: dict[str, tuple[int, ...]], attrs: dict[str, Any], message: str, mx: ModuleType) -> None:
    scale = {"spatial_scale": 1.0} if "data" in shapes else {}
    symbol = getattr(mx.sym.contrib, operator)(*map(mx.sym.var, shapes), name="node", **scale, **attrs)
    with pytest.raises(ImportFailure, match=message):
        import_model((symbol, {}, {}), shapes=shapes)


def test_moves_that_are_not_wanted_are_refused(mx: ModuleType) -> None:
    symbol = mx.sym.contrib.DeformablePSROIPooling(*map(mx.sym.var, ("data", "rois", "trans")), spatial_scale=1.0, output_dim=2, group_size=2, pooled_size=2,
                                                   no_trans=False)
    unwanted = mx.sym.load_json(symbol.tojson().replace('"no_trans": "False"', '"no_trans": "True"'))
    with pytest.raises(ImportFailure, match=r"3 inputs, expected data, rois$"):
        import_model((unwanted, {}, {}), shapes={**ROIS, "trans": (3, 2, 2, 2)})


def test_proposals_run_with_the_reference_only(mx: ModuleType, rng: np.random.Generator) -> None:
    symbol = mx.sym.contrib.bipartite_matching(mx.sym.var("x"), threshold=0.5, name="match")
    with pytest.raises(CodegenError, match="bipartite_matching has no kernel"):
        ngc.compile((symbol, {}, {}), shapes={"x": (2, 3)})
    executable = ngc.compile((symbol, {}, {}), shapes={"x": (2, 3)}, fallback="reference")
    rows, columns = executable.run({"x": np.float32([[0.1, 0.9, 0.8], [0.7, 0.95, 0.2]])})
    np.testing.assert_array_equal(rows, [2, 1])
    np.testing.assert_array_equal(columns, [-1, 1, 0])
