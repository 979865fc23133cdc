"""Samples of: operators that compare elements along an axis: topk, argmax and their like."""

from ngc.ir import SymDim
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

N = SymDim()

ONNX: dict[str, OnnxSample] = {
    "topk": lambda b: b.op("topk", b.input("x", (4, 7)), axis=1, k=3),
    "argmax": lambda b: b.op("argmax", b.input("x", (4, 7)), axis=1),
    "argmin": lambda b: b.op("argmin", b.input("x", (4, 7)), axis=0, keepdims=True),
}

_DTYPES = ("f32", "f16", "bf16", "i32", "u8", "i8", "bool")

STABLEHLO: list[StableHloSample] = [
    *(("topk", (((4, 9, 2), dtype),), {"axis": axis, "k": 2, "largest": largest}) for dtype in _DTYPES for axis in (0, 1) for largest in (False, True)),
    *((op, (((4, 9, 2), dtype),), {"axis": axis, "keepdims": bool(axis)}) for op in ("argmax", "argmin") for dtype in _DTYPES for axis in (0, 1)),
]

TENSORRT: tuple[Sample, ...] = (
    *(Sample("topk", ((N, 9, 3),), {"axis": axis, "k": k, "largest": largest}) for axis, k in ((1, 4), (2, 3)) for largest in (False, True)),
    Sample("topk", ((N, 5000),), {"axis": 1, "k": 4000}), Sample("topk", ((9,),), {"axis": 0, "k": 2}),
    *(Sample(op, ((N, 9, 3),), {"axis": 1, "keepdims": keepdims}) for op in ("argmax", "argmin") for keepdims in (False, True)),
    Sample("argmax", ((9,),), {"axis": 0}),
)
