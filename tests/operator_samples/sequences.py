"""Samples of: operators on sequences of different lengths in one tensor."""

from ngc.ir import SymDim
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

N = SymDim()

ONNX: dict[str, OnnxSample] = {
    "sequence_mask": lambda b: b.op("sequence_mask", b.input("x", (4, 3, 2)), b.input("lengths", (3,), "i32"), value=-1.5),
}

STABLEHLO: list[StableHloSample] = [
    ("sequence_mask", (((4, 4, 2), dtype), ((4,), "i32")), {"axis": axis, "value": 2.0})
    for dtype in ("f32", "f16", "bf16", "i32", "u8", "i8", "bool") for axis in (0, 1)
]

TENSORRT: tuple[Sample, ...] = (
    *(Sample("sequence_mask", shapes, {"axis": axis, "value": -1.0}, own={1: dtype})
      for shapes, axis in ((((5, N, 3), (N,)), 0), (((N, 5), (N,)), 1)) for dtype in ("i32", "i64")),
)
