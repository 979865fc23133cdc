"""Samples of: recurrent layers."""

from typing import Any

import numpy as np

from ngc.ir import GraphBuilder, Value
from ngc.ir.ops.recurrent import GATES
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

_SIZES = [(mode, directions) for mode in GATES for directions in (1, 2)]


def shapes(mode: str, directions: int, batch: int = 2, row: int = 2) -> list[tuple[int, ...]]:
    """Returns the shapes of the operands of a layer of five units over three steps of four channels."""
    rows = directions * GATES[mode] * 5
    return [(3, batch, 4), (rows, 4), (rows, 5), (2, rows), *[(directions, row, 5)] * (1 + (mode == "lstm"))]


def _lstm(b: GraphBuilder) -> Value:
    x, *parameters, state, cell = shapes("lstm", 2, row=1)
    rng = np.random.default_rng(0)
    constants = [b.const(f"c{number}", rng.uniform(-0.5, 0.5, shape).astype(np.float32)) for number, shape in enumerate((*parameters, state, cell))]
    return b.op("recurrent", b.input("x", x), *constants, b.input("lengths", (2,), "i32"), mode="lstm", bidirectional=True)


def _stablehlo(mode: str, directions: int, dtype: str, lengths: bool = False, **attrs: Any) -> StableHloSample:
    types = [(shape, dtype) for shape in shapes(mode, directions)]
    return "recurrent", [*types, *([((2,), "i32")] if lengths else [])], {"mode": mode, "bidirectional": directions == 2, **attrs}


ONNX: dict[str, OnnxSample] = {"recurrent": _lstm}

STABLEHLO: list[StableHloSample] = [
    *(_stablehlo(mode, directions, "f32", lengths=directions == 2) for mode, directions in _SIZES),
    _stablehlo("lstm", 1, "f16", clip_min=-0.5, clip_max=0.5), _stablehlo("gru", 1, "bf16"),
]

TENSORRT: tuple[Sample, ...] = tuple(Sample("recurrent", shapes(mode, directions, row=row), {"mode": mode, "bidirectional": directions == 2})
                                     for mode, directions in _SIZES for row in (1, 2))
