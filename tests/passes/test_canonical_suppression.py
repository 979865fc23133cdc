"""Suppression reads columns and returns the rows that are read; the tests run each rewrite and compare all numbers."""

from collections.abc import Callable

import pytest

from ngc.ir import SymDim, Value
from tests.passes.nets import Net, fired, ops, refusals, run

PASS = "canonicalize"
CLASSES, BOXES = 3, 5
Make = Callable[[Net], Value]


def cut(n: Net, x: Value, axis: int, begin: int, end: int | None, step: int = 1) -> Value:
    """Returns a slice along one axis."""
    bounds = [[None] * x.type.rank for _ in range(3)]
    for part, number in zip(bounds, (begin, end, step), strict=True):
        part[axis] = number  # type: ignore[call-overload]  # None where nothing is cut
    return n.op("slice", x, begin=tuple(bounds[0]), end=tuple(bounds[1]), step=tuple(bounds[2]))


def suppressed(n: Net, rows: Value, **attrs: object) -> Value:
    """Returns suppression in rows [class, score, corners]."""
    return n.op("box_nms", rows, **{"id_index": 0, "valid_thresh": -0.5, "overlap_thresh": 0.1, "topk": 9, **attrs})


def rows_of_classes(n: Net) -> Value:
    """Returns rows class by class, as SSD of GluonCV joins them."""
    ids, scores, boxes = n.input(BOXES, CLASSES, name="ids"), n.input(BOXES, CLASSES, name="scores"), n.input(BOXES, 4, name="boxes")
    parts = [[cut(n, value, 2, number, number + 1) for value in (ids, scores)] for number in range(CLASSES)]
    return n.op("concat", *(n.op("concat", *part, boxes, axis=2) for part in parts), axis=1)


def rows_of_scales(n: Net) -> Value:
    """Returns rows of two maps, each class by class in front of the batch, as YOLO of GluonCV joins them."""
    parts = []
    for scale in range(2):
        columns = [n.input(4 + scale, size, name=f"x{scale}{size}") for size in (1, 4)]
        ids = n.op("reshape", columns[0], shape=(1, SymDim(), 4 + scale, 1))
        scores = n.op("sin", ids)
        boxes = n.op("reshape", columns[1], shape=(1, SymDim(), 4 + scale, 4))
        rows = n.op("concat", *(n.op("concat", part, n.op("cos", part), axis=0) for part in (ids, scores, boxes)), axis=3)
        parts.append(n.op("reshape", n.op("transpose", rows, axes=(1, 0, 2, 3)), shape=(SymDim(), 2 * (4 + scale), 6)))
    return n.op("concat", *parts, axis=1)


def test_rows_of_all_classes_are_never_written() -> None:
    net = Net()
    graph = run(net.finish(cut(net, suppressed(net, rows_of_classes(net)), 1, 0, 4)), PASS)
    assert ops(graph) == ["transpose", "reshape", "transpose", "reshape", "column_nms"]
    [node] = [node for node in graph if node.op == "column_nms"]
    assert node.inputs[0] in graph.inputs
    assert node.attrs["rows"] == 4
    assert fired(graph, "RepeatedBoxes") == fired(graph, "FirstRows") == 1


def test_rows_of_several_scales_are_columns() -> None:
    net = Net()
    graph = run(net.finish(suppressed(net, rows_of_scales(net))), PASS)
    assert fired(graph, "ColumnsOfRows") == 1
    assert all(value.type.shape[-1] in (1, 4) for node in graph for value in node.outputs if node.op != "column_nms")


def test_columns_stand_where_they_stood() -> None:
    net = Net()
    boxes, scores, rest = net.input(6, 4, name="boxes"), net.input(6, 1, name="scores"), net.input(6, 1, name="rest")
    graph = run(net.finish(suppressed(net, net.op("concat", boxes, rest, scores, axis=2), coord_start=0, id_index=4, score_index=5)), PASS)
    assert ops(graph) == ["column_nms"]


@pytest.mark.parametrize(("begin", "end", "step", "axis", "reason"), [
    (1, 4, 1, 1, "it does not begin with the first row, or leaves some out"), (0, 4, 2, 1, "it does not begin with the first row, or leaves some out"),
    (0, 2, 1, 2, None),
])  # fmt: skip
def test_other_slices_stay(begin: int, end: int, step: int, axis: int, reason: str | None) -> None:
    net = Net()
    graph = run(net.finish(cut(net, suppressed(net, net.input(7, 6)), axis, begin, end, step)), PASS)
    assert ops(graph) == ["box_nms", "slice"]
    assert refusals(graph, "FirstRows") == ([reason] if reason else [])


def test_rows_that_others_read_are_all_computed() -> None:
    net = Net()
    kept = suppressed(net, net.input(7, 6))
    graph = run(net.finish(cut(net, kept, 1, 0, 3), kept), PASS)
    assert refusals(graph, "FirstRows") == [f"%{kept.name} is a graph output"]


def test_a_corner_of_the_rows_stays() -> None:
    net = Net()
    graph = run(net.finish(net.op("slice", suppressed(net, net.input(7, 6)), begin=(None, 0, 0), end=(None, 2, 3), step=(1, 1, 1))), PASS)
    assert refusals(graph, "FirstRows") == ["it cuts more than rows"]


def _more(n: Net) -> Value:
    return suppressed(n, n.op("concat", n.input(6, 2, name="a"), n.input(6, 4, name="b"), n.input(6, 1, name="c"), axis=2))


def _together(n: Net) -> Value:
    return suppressed(n, n.op("concat", n.input(6, 2, name="a"), n.input(6, 4, name="b"), axis=2))


def _moved(n: Net) -> Value:
    columns = n.op("concat", n.input(6, 6, name="a"), n.input(6, 6, name="b"), axis=1)
    return suppressed(n, n.op("reshape", n.op("transpose", columns, axes=(0, 2, 1)), shape=(SymDim(), 12, 6)))


def _partly(n: Net) -> Value:
    joined = n.op("concat", n.input(6, 1, name="a"), n.input(6, 1, name="b"), n.input(6, 4, name="c"), axis=2)
    return suppressed(n, n.op("concat", joined, n.op("sin", n.input(6, 6, name="d")), axis=1))


@pytest.mark.parametrize(("make", "reason"), [
    (_more, "a column is neither class, score nor box"), (_together, "a class, a score or a box is no whole operand of the rows"),
    (_moved, "moves columns"), (_partly, "is no rows that are put together from columns"),
])  # fmt: skip
def test_rows_that_are_no_columns_stay(make: Make, reason: str) -> None:
    net = Net()
    graph = run(net.finish(make(net)), PASS)
    assert "column_nms" not in ops(graph)
    assert any(reason in found for found in refusals(graph, "ColumnsOfRows"))


def test_rows_that_something_else_reads_stay() -> None:
    net = Net()
    rows = net.op("concat", net.input(6, 1, name="a"), net.input(6, 1, name="b"), net.input(6, 4, name="c"), axis=2)
    graph = run(net.finish(suppressed(net, rows), rows), PASS)
    assert refusals(graph, "ColumnsOfRows") == [f"%{rows.name} is a graph output"]


def test_different_boxes_of_each_class_are_not_one() -> None:
    net = Net()
    columns = [net.input(2 * BOXES, 1, name=name) for name in ("ids", "scores")]
    boxes = net.op("concat", net.input(BOXES, 4, name="a"), net.input(BOXES, 4, name="b"), axis=1)
    graph = run(net.finish(suppressed(net, net.op("concat", *columns, boxes, axis=2))), PASS)
    assert ops(graph) == ["concat", "column_nms"]
    assert not fired(graph, "RepeatedBoxes")


def test_slices_in_order_are_a_transpose() -> None:
    net = Net()
    x = net.input(4, 3, 2)
    pieces = [cut(net, x, 2, number, number + 1) for number in (0, 1, 2)]
    graph = run(net.finish(net.op("concat", *pieces, axis=1), net.op("concat", *pieces[::-1], axis=1), net.op("concat", *pieces[:2], axis=1)), PASS)
    assert fired(graph, "ConcatOfPlanes") == 1
    assert [node.op for node in graph if node.output in graph.outputs] == ["reshape", "concat", "concat"]
