"""What operators that pick, place, order and mask take and refuse, and what their results are where indices leave the data."""

from typing import Any

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, Shape, SymDim, evaluate, opdef, parse

N = SymDim()

Operand = tuple[Shape, str]


def result(op: str, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
    """Returns an operator's first result."""
    definition = opdef(op)
    return np.asarray(definition.evaluate_arrays(arrays, definition.check_attrs(attrs))[0])


def test_indices_outside_of_the_data() -> None:
    x, at = np.arange(4.0, dtype=np.float32), np.array([-1, 4, 9, -9], np.int32)
    np.testing.assert_array_equal(result("gather", x, at), [0, 3, 3, 0])
    np.testing.assert_array_equal(result("gather", x, at, mode="wrap"), [3, 0, 1, 3])
    np.testing.assert_array_equal(result("gather_nd", x, at[None]), [3, 3, 3, 0])
    np.testing.assert_array_equal(result("one_hot", at, depth=4), np.zeros((4, 4)))
    np.testing.assert_array_equal(result("scatter_nd", x, at[None], np.array([5, 6, 7, 8], np.float32)), [8, 1, 2, 7])  # the last of equal ones


def test_the_order_of_equals_and_of_what_is_no_number() -> None:
    x = np.array([2, np.nan, -0.0, 0.0, 2, -np.inf], np.float32)
    definition = opdef("topk")
    for largest, order in ((True, [1, 0, 4, 2, 3, 5]), (False, [5, 2, 3, 0, 4, 1])):
        _, indices = definition.evaluate_arrays([x], definition.check_attrs({"k": 6, "largest": largest}))
        np.testing.assert_array_equal(indices, order)
    for op in ("argmax", "argmin"):
        assert result(op, x) == 1
    assert result("argmax", np.array([1, 3, 3])) == result("argmin", np.array([3, 1, 1])) == 1


def test_ranges_are_computed_in_their_own_type() -> None:
    like = np.zeros((2, 3))
    np.testing.assert_array_equal(result("iota", like, start=1.9, step=2.9, dtype="i32"), [[1, 3, 5], [7, 9, 11]])
    np.testing.assert_array_equal(result("iota", like, axis=1, start=0.5, repeat=2), [0.5, 0.5, 1.5])
    assert result("iota", like, start=250, dtype="u8").tolist() == [[250, 251, 252], [253, 254, 255]]


def test_running_sums_wrap() -> None:
    np.testing.assert_array_equal(result("cumsum", np.array([100, 100], np.int8)), [100, -56])


@pytest.mark.parametrize(("op", "operands", "attrs", "message"), [
    ("gather", [((4, 3), "f32"), ((2,), "f32")], {}, "gather: indices are i32 or i64, not f32"),
    ("gather", [((4, 3), "f32"), ((2,), "i32")], {"axis": 2}, "gather: axis 2 is outside a tensor of rank 2; axes are counted from 0"),
    ("gather", [((4, 0), "f32"), ((2,), "i32")], {"axis": 1}, "gather: no index is within data (4, 0), whose picked dimension has no elements"),
    ("gather_elements", [((0, 3), "f32"), ((2, 3), "i32")], {}, "gather_elements: no index is within data (0, 3), whose picked dimension has no elements"),
    ("gather_nd", [((4, 0), "f32"), ((2, 5), "i32")], {}, "gather_nd: no index is within data (4, 0), whose picked dimension has no elements"),
    ("scatter_nd", [((0, 3), "f32"), ((1, 5), "i32"), ((5, 3), "f32")], {}, "scatter_nd: no index is within data (0, 3)"),
    ("gather", [((4, N), "f32"), ((N,), "i32")], {"axis": 0}, "two dimensions that depend on N are multiplied; compile with a fixed batch instead"),
    ("gather", [((4, 3), "f32"), ((2,), "i32")], {"mode": "raise"}, "attribute mode of gather takes one of clip, wrap, not 'raise'"),
    ("gather_elements", [((4, 3), "f32"), ((2, 3), "i32")], {"axis": 1},
     "gather_elements: indices (2, 3) do not fit data (4, 3); outside of axis 1 their dimensions are the data's or 1"),
    ("gather_elements", [((4, 3), "f32"), ((4,), "i32")], {"axis": 1},
     "gather_elements: indices (4,) do not fit data (4, 3); outside of axis 1 their dimensions are the data's or 1"),
    ("gather_nd", [((4, 3), "f32"), ((3, 5), "i32")], {},
     "gather_nd: the first dimension of indices (3, 5) is the number of coordinates, 1 to 2 for data (4, 3)"),
    ("scatter_nd", [((4, 3), "f32"), ((N, 5), "i32"), ((5,), "f32")], {},
     "scatter_nd: the first dimension of indices (N, 5) is the number of coordinates, 1 to 2 for data (4, 3)"),
    ("scatter_nd", [((4, 3), "f32"), ((1, 5), "i32"), ((5, 3), "i32")], {},
     "scatter_nd: updates are f32[5,3] for data f32[4,3] and indices (1, 5), not i32[5,3]"),
    ("slice_update", [((4, 3), "f32"), ((1, 3), "f32")], {"begin": (0,), "end": (1,), "step": (1,)},
     "slice_update: begin, end and step need 2 values each and no step of 0 for data (4, 3)"),
    ("slice_update", [((4, 3), "f32"), ((1, 2), "f32")], {"begin": (0, 0), "end": (1, 3), "step": (1, 1)},
     "slice_update: the update is f32[1,3] for this part of f32[4,3], not f32[1,2]"),
    ("slice_update", [((N, 3), "f32"), ((1, 3), "f32")], {"begin": (0, 0), "end": (1, 3), "step": (1, 1)},
     "slice_update: the dimension N can only be written whole; compile with a fixed batch instead"),
    ("one_hot", [((4,), "i32")], {"depth": 0}, "one_hot: depth is at least 1, not 0"),
    ("one_hot", [((4,), "u8")], {"depth": 2}, "one_hot: indices are i32 or i64, not u8"),
    ("iota", [((4,), "f32")], {"repeat": 0}, "iota: repeat is at least 1, not 0, and dtype not bool"),
    ("iota", [((4,), "f32")], {"dtype": "bool"}, "iota: repeat is at least 1, not 1, and dtype not bool"),
    ("iota", [((4,), "f32")], {"axis": 1}, "iota: axis 1 is outside a tensor of rank 1; axes are counted from 0"),
    ("cumsum", [((4,), "bool")], {}, "cumsum adds numbers, not bool"),
    ("cumsum", [((4,), "f32")], {"axis": -1}, "cumsum: axis -1 is outside a tensor of rank 1; axes are counted from 0"),
    ("topk", [((N, 4), "f32")], {"k": 1}, "topk: the axis to be sorted is N long; compile with a fixed batch instead"),
    ("topk", [((N, 4), "f32")], {"axis": 1, "k": 5}, "topk: k is between 1 and 4 for data (N, 4), not 5"),
    ("topk", [((N, 4), "f32")], {"axis": 2, "k": 1}, "topk: axis 2 is outside a tensor of rank 2; axes are counted from 0"),
    ("argmin", [((N, 4), "f32")], {"axis": -1}, "argmax, argmin: axis -1 is outside a tensor of rank 2; axes are counted from 0"),
    ("argmax", [((4, 0), "f32")], {"axis": 1}, "argmax, argmin: axis 1 of data (4, 0) has no elements to compare"),
    ("sequence_mask", [((4, 3), "f32"), ((4,), "i32")], {}, "sequence_mask: lengths are i32 or i64 of shape (3,), not i32[4]"),
    ("sequence_mask", [((4, 3), "f32"), ((3,), "f32")], {}, "sequence_mask: lengths are i32 or i64 of shape (3,), not f32[3]"),
    ("sequence_mask", [((4, 3), "f32"), ((3,), "i32")], {"axis": 2},
     "sequence_mask: the time axis is 0 or 1 of data of at least 2 dimensions, not 2 of (4, 3)"),
])  # fmt: skip
def test_what_is_not_taken(op: str, operands: list[Operand], attrs: dict[str, Any], message: str) -> None:
    builder = GraphBuilder()
    with pytest.raises(VerifyError) as caught:
        builder.op(op, *(builder.input(f"x{number}", shape, dtype) for number, (shape, dtype) in enumerate(operands)), **attrs)
    assert message in str(caught.value)


@pytest.mark.parametrize(("op", "shapes", "attrs"), [
    ("gather", [(4, 0), (2,)], {}), ("gather_nd", [(4, 0), (1, 2)], {}), ("gather_elements", [(4, 0), (2, 0)], {}),
    ("scatter_nd", [(4, 0), (1, 2), (2, 0)], {}), ("argmax", [(4, 0)], {}),
])  # fmt: skip
def test_other_dimensions_may_be_empty(op: str, shapes: list[tuple[int, ...]], attrs: dict[str, Any]) -> None:
    found = result(op, *(np.zeros(shape, np.int32 if number == 1 else np.float32) for number, shape in enumerate(shapes)), **attrs)
    assert found.size == 0


def test_they_are_written_and_read_as_text() -> None:
    builder = GraphBuilder("text")
    x, index = builder.input("x", (N, 5, 3)), builder.input("index", (2,), "i32")
    taken = builder.op("gather", x, index, axis=1, mode="wrap", name="taken")
    best = builder.op("topk", taken, axis=2, k=2, largest=False, name="best").producer
    assert best is not None
    graph = builder.finish([*best.outputs, builder.op("slice_update", x, x, begin=(None,) * 3, end=(None,) * 3, step=(1, 1, 1), name="same")])
    again = parse(str(graph))
    assert str(again) == str(graph)
    feeds = {"x": np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32), "index": np.array([7, -1], np.int32)}
    for found, expected in zip(evaluate(again, feeds), evaluate(graph, feeds), strict=True):
        np.testing.assert_array_equal(found, expected)
