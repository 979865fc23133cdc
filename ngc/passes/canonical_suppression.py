"""Canonical rules of suppression: it returns no more rows than are read, and reads columns where a detector computed them apart.

    slice(box_nms(x), rows 0 to k)                        =  box_nms(x){rows=k};   the same for column_nms
    box_nms(move(concat(ids, scores, boxes; columns)))    =  column_nms(move(boxes), move(scores), move(ids))
    column_nms(concat(b, ..., b), scores)                 =  column_nms(b, scores)

where `move` is any number of reshapes and transposes that leave the columns alone and of concats of rows. A network that suppresses all classes at once has
one row for each class and box; so those rows, many times the network's outputs, are never written.

Refuses slices that do not begin with the first row or have steps; rows with columns that are neither class, score nor box, or whose columns are not whole
operands; and rows that something else reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.ir import Graph, Node, Value
from ngc.ir.ops.shape import slices
from ngc.ir.ops.suppression import COORDINATES
from ngc.ir.rewrite import Match, Rewriter, Rule
from ngc.passes.local_rules import NodeRule, Refusal, Replacement, why_not_single

_SUPPRESSIONS = ("box_nms", "column_nms")


class FirstRows(NodeRule):
    """A slice of the first rows of suppression's result."""

    equation = "slice(box_nms(x), rows 0 to k) = box_nms(x){rows=k}"
    roots = frozenset({"slice"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the suppression of fewer rows."""
        inner = node.inputs[0].producer
        if inner is None or inner.op not in _SUPPRESSIONS or node.type.shape[-2] == inner.type.shape[-2]:
            return None
        *others, rows, columns = zip(slices(node.attrs), inner.type.shape, node.type.shape, strict=True)
        if any(before != after for _, before, after in (*others, columns)):
            return Refusal("it cuts more than rows")
        part, before, after = rows
        assert isinstance(before, int)  # as the operator has it
        if part.indices(before)[::2] != (0, 1):
            return Refusal("it does not begin with the first row, or leaves some out")
        reason = why_not_single(inner.output, graph)
        return Refusal(reason) if reason is not None else Replacement(inner.op, inner.inputs, {**inner.attrs, "rows": after}, (inner,))


@dataclass(frozen=True)
class _Columns:
    """Rows that are put together from columns: the concat of columns itself, or a movement of other rows.

    Attributes:
        node: what makes the rows.
        parts: the rows that are moved; empty for the concat of columns.
    """

    node: Node
    parts: tuple["_Columns", ...] = ()

    def has(self, begin: int, end: int) -> bool:
        """Whether the columns are whole operands of each concat."""
        if self.parts:
            return all(part.has(begin, end) for part in self.parts)
        edges = [0]
        for value in self.node.inputs:
            edges.append(edges[-1] + int(value.type.shape[-1]))  # type: ignore[arg-type]  # columns do not depend on N
        return begin in edges and end in edges

    def columns(self, begin: int, end: int, rewriter: Rewriter, before: Node) -> Value:
        """Returns some columns of the rows, moved as the rows are; nodes that are needed stand before another."""
        op, attrs = self.node.op, self.node.attrs
        if not self.parts:
            position, operands = 0, []
            for value in self.node.inputs:
                if begin <= position < end:
                    operands.append(value)
                position += int(value.type.shape[-1])  # type: ignore[arg-type]  # columns do not depend on N
            if len(operands) == 1:
                return operands[0]
        else:
            operands = [part.columns(begin, end, rewriter, before) for part in self.parts]
            if op == "reshape":
                attrs = {"shape": (*self.node.type.shape[:-1], end - begin)}
        return rewriter.insert(op, operands, attrs, before=before, locs=self.node.locs, name=f"{self.node.name}_columns{begin}").output


def _columns_of(value: Value, graph: Graph) -> _Columns | Refusal:
    """Returns how rows are put together from columns, or why they are not."""
    node, rank = value.producer, value.type.rank
    if node is None or node.op not in ("concat", "reshape", "transpose"):
        return Refusal(f"%{value.name} is no rows that are put together from columns")
    reason = why_not_single(value, graph)
    if reason is not None:
        return Refusal(reason)
    if node.op == "concat" and node.attrs["axis"] == rank - 1:
        return _Columns(node)
    stay = node.inputs[0].type.shape[-1] == node.type.shape[-1] if node.op != "transpose" else node.attrs["axes"][-1] == rank - 1
    if not stay:
        return Refusal(f"%{value.name} moves columns")
    parts = []
    for operand in node.inputs:
        part = _columns_of(operand, graph)
        if isinstance(part, Refusal):
            return part
        parts.append(part)
    return _Columns(node, tuple(parts))


class ColumnsOfRows(Rule):
    """Suppression reads classes, scores and boxes where they are before they become rows."""

    equation = "box_nms(move(concat(ids, scores, boxes))) = column_nms(move(boxes), move(scores), move(ids))"
    roots = frozenset({"box_nms"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `rows`, how the operand is put together, where it is at all."""
        producer = node.inputs[0].producer
        if producer is None or producer.op not in ("concat", "reshape", "transpose"):
            return None
        return {"root": node, "rows": _columns_of(node.inputs[0], graph)}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses rows that are no columns, and columns that are no operands."""
        rows, node = match["rows"], match["root"]
        if isinstance(rows, Refusal):
            return rows.reason
        spans = _spans(node)
        if sum(end - begin for begin, end in spans) != node.type.shape[-1]:
            return "a column is neither class, score nor box"
        return None if all(rows.has(*span) for span in spans) else "a class, a score or a box is no whole operand of the rows"

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Moves each column by itself and lets suppression read them."""
        node, rows = match["root"], match["rows"]
        columns = [rows.columns(*span, rewriter, node) for span in _spans(node)]
        former = node.inputs[0].producer
        rewriter.update(node, "column_nms", columns, node.attrs)
        assert former is not None
        rewriter.erase_dead(former)


def _spans(node: Node) -> Sequence[tuple[int, int]]:
    """Returns the columns (begin, end) of boxes, scores and, if any, classes."""
    first, score, ids = (node.attrs[name] for name in ("coord_start", "score_index", "id_index"))
    spans = [(first, first + COORDINATES), (score, score + 1)]
    return spans if ids < 0 else [*spans, (ids, ids + 1)]


class RepeatedBoxes(NodeRule):
    """Boxes that are repeated for each class are read where they are."""

    equation = "column_nms(concat(b, ..., b), scores) = column_nms(b, scores)"
    roots = frozenset({"column_nms"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the suppression that reads each box once."""
        boxes = node.inputs[0]
        inner = boxes.producer
        if inner is None or inner.op != "concat" or inner.attrs["axis"] != boxes.type.rank - 2 or len(set(inner.inputs)) > 1:
            return None
        return Replacement("column_nms", (inner.inputs[0], *node.inputs[1:]), node.attrs)


RULES: tuple[type[Rule], ...] = (FirstRows, ColumnsOfRows, RepeatedBoxes)
