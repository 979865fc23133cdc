"""Samples of: operators that pick elements by integers that are data: gather, one_hot and their like."""

import numpy as np

from ngc.ir import GraphBuilder, SymDim, Value
from tests.operator_samples.sample import ALL, OnnxSample, Sample, StableHloSample

N = SymDim()
_PLACES = np.array([[0, 3, 1], [2, 0, 1]], np.int32)


def _image(b: GraphBuilder) -> Value:
    return b.input("x", (4, 3, 2))


def _index(b: GraphBuilder, *shape: int) -> Value:
    return b.input("index", shape, "i32")


def _scatter(b: GraphBuilder) -> Value:
    return b.op("scatter_nd", _image(b), b.const("places", _PLACES), b.input("updates", (3, 2)))


ONNX: dict[str, OnnxSample] = {
    "gather": lambda b: b.op("gather", _image(b), _index(b, 5), axis=1),
    "gather_elements": lambda b: b.op("gather_elements", _image(b), _index(b, 4, 1, 1), axis=1),
    "gather_nd": lambda b: b.op("gather_nd", _image(b), _index(b, 2, 5)),
    "scatter_nd": _scatter,
    "slice_update": lambda b: b.op("slice_update", _image(b), b.input("part", (4, 2, 1)), begin=(None, 2, 0), end=(None, 0, 1), step=(1, -1, 1)),
    "one_hot": lambda b: b.op("one_hot", _index(b, 2, 3), depth=4, on_value=2.5, off_value=-1.0),
    "iota": lambda b: b.op("iota", _image(b), start=1.5, step=0.5, repeat=2),
    "cumsum": lambda b: b.op("cumsum", _image(b), axis=1),
}

_DATA = [((4, 3, 2), dtype) for dtype in ("f32", "f16", "bf16", "i32", "u8", "i8", "bool")]

STABLEHLO: list[StableHloSample] = [
    *(("gather", (data, ((2, 5), "i32")), {"axis": axis, "mode": mode}) for data in _DATA for axis in (0, 1, 2) for mode in ("clip", "wrap")),
    ("gather", (_DATA[0], ((), "i32")), {"axis": 1}),
    *(("gather_elements", (data, (shape, "i32")), {"axis": 1, "mode": mode})
      for data in _DATA for mode in ("clip", "wrap") for shape in ((4, 5, 2), (1, 2, 1))),
    *(("gather_nd", (data, (shape, "i32")), {}) for data in _DATA for shape in ((2, 5), (3, 2, 2), (1, 3))),
    *(("slice_update", (data, ((4, 2, 1), data[1])), {"begin": begin, "end": end, "step": step}) for data in _DATA
      for begin, end, step in (((None, 0, 1), (None, None, 2), (1, 2, 1)), ((None, 2, 0), (None, 0, 1), (1, -1, 1)))),
    ("slice_update", (_DATA[0], ((4, 0, 2), "f32")), {"begin": (None, 3, None), "end": (None, None, None), "step": (1, 1, 1)}),
    *(("one_hot", (((2, 3), "i32"),), {"depth": 4, "on_value": 2.5, "off_value": 0.0, "dtype": dtype}) for _, dtype in _DATA),
    *(("iota", (((4, 3), "f32"),), {"start": 1.0, "step": 2.0, "repeat": repeat, "axis": axis, "dtype": dtype})
      for _, dtype in _DATA[:-1] for repeat in (1, 2) for axis in (None, 0)),
    *(("cumsum", (((4, 3, 2), dtype),), {"axis": axis}) for dtype in ("f32", "i32", "u8", "i8") for axis in (0, 1)),
]

_OWN = {1: "i32"}

TENSORRT: tuple[Sample, ...] = (
    *(Sample("gather", ((N, 5, 3), (4,)), {"axis": axis, "mode": mode}, own=_OWN) for axis in (0, 1) for mode in ("clip", "wrap")),
    Sample("gather", ((5, 3), (N, 7)), {"axis": 0}, own={1: "i64"}),
    *(Sample("gather_elements", ((N, 5, 3), (N, shape, 3)), {"axis": 1, "mode": mode}, own=_OWN) for shape in (2, 1) for mode in ("clip", "wrap")),
    Sample("gather_elements", ((N, 5, 3), (N, 2, 1)), {"axis": 1}, own=_OWN),
    Sample("gather_nd", ((N, 5, 3), (2, 4)), own=_OWN), Sample("gather_nd", ((4, 5, 3), (1, N)), own=_OWN),
    Sample("scatter_nd", ((4, 3, 2), (2, 3), (3, 2)), own=_OWN, given={1: _PLACES}), Sample("scatter_nd", ((4, 3, 2), (2, 3), (3, 2)), own=_OWN),
    Sample("slice_update", ((N, 5, 3), (N, 2, 3)), {"begin": (None, 1, None), "end": (None, 4, None), "step": (1, 2, 1)}),
    Sample("slice_update", ((4, 5), (2, 5)), {"begin": (3, None), "end": (1, None), "step": (-1, 1)}),
    *(Sample("one_hot", ((N, 3),), {"depth": 5, "on_value": 2.5, "dtype": dtype}, own={0: "i32"}, dtypes=("f32",)) for dtype in ALL),
    *(Sample("iota", ((N, 4),), {"axis": axis, "start": 1.0, "step": 2.0, "repeat": repeat, "dtype": dtype}, dtypes=("f32",))
      for dtype in ALL if dtype != "bool" for axis, repeat in ((None, 1), (0, 2))),
    *(Sample("cumsum", ((N, 5, 3),), {"axis": axis}) for axis in (1, 2)),
)
