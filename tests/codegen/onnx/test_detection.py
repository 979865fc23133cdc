"""Regions of interest in ONNX against the reference evaluator, and what ONNX does not have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.engines.onnx_forms import why_no_onnx
from ngc.engines.stablehlo_forms import why_no_stablehlo
from ngc.ir import Graph, GraphBuilder
from tests.onnx_models import EXAMPLES, assert_agrees

ATTRS = {"pooled_size": (2, 3), "spatial_scale": 0.5}


def pooled(op: str, x: tuple[int, ...] = (2, 3, 6, 7), count: int = 4, dtype: str = "f32", **attrs: object) -> Graph:
    """Returns a graph that pools regions of a map."""
    b = GraphBuilder()
    return b.finish([b.op(op, b.input("x", x, dtype), b.input("regions", (count, 5), dtype), **{**ATTRS, **attrs})])


@EXAMPLES
@given(st.sampled_from(("roi_align", "roi_max_pool")), st.integers(0, 10**6), st.sampled_from((-1, 0, 2)), st.booleans())
def test_regions_of_interest(op: str, seed: int, samples: int, aligned: bool) -> None:
    rng = np.random.default_rng(seed)
    regions = np.empty((4, 5), np.float32)
    regions[:, 0] = rng.integers(-1, 2, 4)
    regions[:, 1:3] = rng.uniform(-6, 14, (4, 2))
    regions[:, 3:] = regions[:, 1:3] + rng.uniform(0.1, 14, (4, 2))
    attrs = {"sample_ratio": samples, "aligned": aligned} if op == "roi_align" else {}
    # means of up to 49 samples, each of four products
    assert_agrees(pooled(op, **attrs), {"x": rng.normal(size=(2, 3, 6, 7)).astype(np.float32), "regions": regions}, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("graph", "reason"), [
    (pooled("roi_align", (1, 6, 6, 7), position_sensitive=True), "reads the same channels for all bins, not one for each position"),
    (pooled("roi_align", dtype="f16"), "ONNX Runtime has no RoiAlign of f16"),
    (pooled("roi_max_pool", dtype="f64"), "ONNX Runtime has MaxRoiPool of f32, not of f64"),
], ids=("positions", "f16", "f64"))  # fmt: skip
def test_regions_without_a_form(graph: Graph, reason: str) -> None:
    assert reason in str(why_no_onnx(graph.nodes[-1]))


@pytest.mark.parametrize("op", ["roi_align", "roi_max_pool"])
def test_stablehlo_has_no_regions(op: str) -> None:
    assert "data" in str(why_no_stablehlo(pooled(op).nodes[-1]))


def test_suppression_has_a_form_nowhere() -> None:
    b = GraphBuilder()
    node = b.finish([b.op("box_nms", b.input("x", (1, 9, 6)))]).nodes[-1]
    assert "NonMaxSuppression" in str(why_no_onnx(node))
    assert "a loop over data" in str(why_no_stablehlo(node))
