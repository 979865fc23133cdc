"""Samples of: products of matrices that are data, attention, layer normalization, softmax within lengths."""

import numpy as np

from ngc.ir import GraphBuilder, Value
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample


def _inputs(b: GraphBuilder, *shapes: tuple[int, ...]) -> list[Value]:
    return [b.input(f"x{number}", shape, "f32") for number, shape in enumerate(shapes)]


def _norm(b: GraphBuilder) -> Value:
    return b.op("layer_norm", *_inputs(b, (2, 3, 4)), b.const("gamma", np.full(4, 0.5, np.float32)), b.const("beta", np.ones(4, np.float32)))


ONNX: dict[str, OnnxSample] = {
    "matmul": lambda b: b.op("matmul", *_inputs(b, (2, 3, 4), (2, 5, 4)), transpose_b=True),
    "attention": lambda b: b.op("attention", *_inputs(b, (2, 3, 4), (2, 5, 4), (2, 5, 6), (2, 3, 5)), scale=0.5, mask="add"),
    "layer_norm": _norm,
}

_QKV = [((2, 3, 4), "f32"), ((2, 5, 4), "f32"), ((2, 5, 6), "f32")]
_NORM = [((2, 3, 4), "f32"), ((4,), "f32"), ((4,), "f32")]

STABLEHLO: list[StableHloSample] = [
    ("matmul", [((2, 3, 4), "f32"), ((2, 4, 5), "f32")], {}),
    ("matmul", [((2, 1, 4, 3), "f32"), ((3, 5, 4), "f32")], {"transpose_a": True, "transpose_b": True}),
    ("matmul", [((3, 4), "bf16"), ((5, 4), "bf16")], {"transpose_b": True}),
    ("attention", _QKV, {"scale": 0.5}),
    ("attention", [*_QKV, ((2, 3, 5), "f32")], {"mask": "add"}),
    ("attention", [*_QKV, ((2, 3, 5), "f32")], {"mask": "select", "fill": -1e9, "zero": True}),
    ("attention", [*_QKV, ((2, 3), "i32")], {"mask": "length"}),
    ("layer_norm", _NORM, {}),
    ("layer_norm", [((2, 4, 3), "f16"), ((4,), "f16"), ((4,), "f16")], {"axis": 1}),
    ("softmax", [((2, 3, 4), "f32"), ((2, 4), "i32")], {"axis": 1}),
]

TENSORRT: tuple[Sample, ...] = (
    Sample("matmul", ((2, 3, 4), (2, 5, 4)), {"transpose_b": True}),
    Sample("attention", ((2, 3, 4), (2, 5, 4), (2, 5, 6)), {"scale": 0.5}),
    Sample("layer_norm", ((2, 3, 4), (4,), (4,)), constants=2),
)
