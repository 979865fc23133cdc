"""Samples of: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

import numpy as np

from ngc.ir import GraphBuilder, Value
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample


def _image(b: GraphBuilder) -> Value:
    return b.input("x", (1, 2, 4, 4))


def _sampled(b: GraphBuilder) -> Value:
    """Returns places in and around the image."""
    return b.op("grid_sample", _image(b), b.const("grid", np.linspace(-1.4, 1.3, 30, dtype=np.float32).reshape(1, 2, 3, 5)))


ONNX: dict[str, OnnxSample] = {
    "resize": lambda b: b.op("resize", _image(b), size=(3, 7), coordinates="half_pixel"),
    "adaptive_avg_pool": lambda b: b.op("adaptive_avg_pool", _image(b), size=(3, 2)),
    "grid_sample": _sampled,
}

STABLEHLO: list[StableHloSample] = [
    *[("resize", [((2, 3, 5, 4), dtype)], {"size": (7, 3), "coordinates": "half_pixel"}) for dtype in ("f32", "f16", "bf16")],
    ("resize", [((1, 2, 3, 5), "f32")], {"size": (8, 1), "coordinates": "align_corners"}),
    *[("adaptive_avg_pool", [((2, 3, 5, 7), dtype)], {"size": (3, 2)}) for dtype in ("f32", "f16")],
]

TENSORRT: tuple[Sample, ...] = (
    Sample("resize", ((1, 2, 3, 5),), {"size": (7, 4), "coordinates": "half_pixel"}),
    Sample("resize", ((1, 2, 3, 5),), {"size": (7, 4), "coordinates": "align_corners"}),
    Sample("adaptive_avg_pool", ((1, 2, 5, 7),), {"size": (3, 2)}),
    Sample("grid_sample", ((1, 3, 5, 7), (1, 2, 3, 4))),
)
