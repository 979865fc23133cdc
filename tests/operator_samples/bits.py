"""Samples of: operators on the bits of integers."""

from ngc.ir import SymDim
from ngc.ir.ops.bits import BITWISE, SHIFTS
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

N = SymDim()
NAMES = (*BITWISE, *SHIFTS)

ONNX: dict[str, OnnxSample] = {name: lambda b, name=name: b.op(name, b.input("x", (4, 7), "i32"), scalar=2.0) for name in NAMES}  # type: ignore[misc]

STABLEHLO: list[StableHloSample] = [
    sample for name in NAMES for dtype in ("u8", "i8", "i32")
    for sample in ((name, (((3, 33), dtype), ((33,), dtype)), {}), (name, (((3, 33), dtype),), {"scalar": 3.0}), (name, (((9,), dtype),), {"scalar": 8.0}),
                   (name, (((3, 33), dtype),), {"scalar": 100.0, "reverse": True}))
]

TENSORRT: tuple[Sample, ...] = tuple(
    Sample(name, shapes, attrs) for name in NAMES for shapes, attrs in ((((N, 7), (N, 7)), {}), (((N, 7),), {"scalar": 2.0})))
