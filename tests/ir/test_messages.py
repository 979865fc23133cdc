"""What inference says of operands and attributes that do not fit, operator by operator."""

import re
from typing import Any

import numpy as np
import pytest

from ngc.errors import InputError, VerifyError
from ngc.ir import GraphBuilder, TensorType, evaluate
from ngc.ir.opdef import opdef

IMAGE = TensorType((2, 3, 8, 8))
POOL: dict[str, Any] = {"kind": "max", "kernel": (2, 2), "stride": (1, 1), "pad": (0, 0)}


@pytest.mark.parametrize(("op", "types", "attrs", "message"), [
    ("conv2d", [IMAGE, TensorType((4, 3, 3, 3))], {"stride": (1,)}, "conv2d: attribute stride needs 2 values, not (1,)"),
    ("conv2d", [IMAGE, TensorType((4, 3, 3, 3))], {"pad_end": (1,)}, "conv2d: attribute pad_end needs 2 values, not (1,)"),
    ("conv2d", [IMAGE, TensorType((4, 3, 3, 3))], {"stride": (0, 1)}, "strides, dilations and groups are at least 1, padding at least 0"),
    ("prelu", [IMAGE, TensorType((2,))], {}, "prelu: slopes need the shape (3,) or (1,), not (2,)"),
    ("where", [IMAGE, IMAGE, TensorType((2,))], {}, "where takes two operands of one type, not f32[2,3,8,8] and f32[2]"),
    ("where", [TensorType((3,)), IMAGE, IMAGE], {}, "the condition needs the shape (2, 3, 8, 8) or (2,), not (3,)"),
    ("lrn", [IMAGE], {"size": 4}, "lrn takes data of rank 3 or more and an odd size, not (2, 3, 8, 8) and 4"),
    ("pool", [IMAGE], {**POOL, "stride": (1,)}, "pool: kernel (2, 2), stride (1,) and pad (0, 0) do not fit data (2, 3, 8, 8)"),
    ("pool", [IMAGE], {**POOL, "kind": "lp", "p": 7}, "pool: p of an lp pool is 1, 2 or 3, not 7"),
    ("reduce_sum", [IMAGE], {"axes": (1, 1)}, "reduction: axes (1, 1) do not fit data (2, 3, 8, 8); they are counted from 0, each once"),
    ("reshape", [IMAGE], {"shape": (5,)}, "reshape: (2, 3, 8, 8) holds 384 elements, (5,) holds 5"),
    ("transpose", [IMAGE], {"axes": (0, 1)}, "transpose: axes (0, 1) are no permutation of the axes of (2, 3, 8, 8)"),
    ("slice", [IMAGE], {"begin": (0,), "end": (1,), "step": (1,)},
     "slice: begin, end and step need 4 values each and no step of 0 for data (2, 3, 8, 8)"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_does_not_fit(op: str, types: list[TensorType], attrs: dict[str, Any], message: str) -> None:
    definition = opdef(op)
    with pytest.raises(VerifyError, match=re.escape(message)):
        definition.infer_types(types, definition.check_attrs(attrs))


def test_the_reference_refuses_feeds_of_another_shape() -> None:
    b = GraphBuilder()
    graph = b.finish([b.op("relu", b.input("data", (2, 3)))])
    with pytest.raises(InputError, match=re.escape("input 'data' has shape (3, 2), not (2, 3)")):
        evaluate(graph, {"data": np.zeros((3, 2), np.float32)})
