"""Samples of: operators of object detection: anchors, boxes, suppression, regions of interest."""

import numpy as np

from ngc.ir import GraphBuilder, Value
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

REGIONS = np.float32([[0, 0.5, 0.5, 3.5, 2.5], [1, 0, 1, 2, 3], [0, 1.25, 0, 3, 3]])
"""Regions of two images of 4x4, corners on different pixels."""


def _pooled(op: str) -> OnnxSample:
    def append(b: GraphBuilder) -> Value:
        return b.op(op, b.input("x", (2, 2, 4, 4)), b.const("regions", REGIONS), pooled_size=(2, 2), spatial_scale=1.0)

    return append


ONNX: dict[str, OnnxSample] = {op: _pooled(op) for op in ("roi_align", "roi_max_pool")}

STABLEHLO: list[StableHloSample] = []

_SHAPES = ((2, 2, 8, 8), (3, 5))

TENSORRT: tuple[Sample, ...] = (
    Sample("roi_align", _SHAPES, {"pooled_size": (2, 3), "spatial_scale": 0.5}),
    Sample("roi_align", _SHAPES, {"pooled_size": (2, 3), "spatial_scale": 0.5, "sample_ratio": 2, "aligned": True}),
    Sample("roi_max_pool", _SHAPES, {"pooled_size": (2, 3), "spatial_scale": 0.5}),
)
