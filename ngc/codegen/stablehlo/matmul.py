"""Writes to StableHLO: products of matrices that are data, and attention as the parts that it is made of. Sums are of f32."""

from collections.abc import Sequence
from math import prod

from ngc.codegen.stablehlo.reductions import rows_within, softmax_weights
from ngc.codegen.stablehlo.steps import finish, start
from ngc.codegen.stablehlo.text import HIGHEST, Body, Emitter, Tensor
from ngc.ir import Node


def _product(body: Body, a: Tensor, b: Tensor, batch: Sequence[int], transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """Returns the products of matrices, those of both operands repeated to a batch of several dimensions."""
    count = prod(batch)
    a, b = (body.reshape(body.broadcast_right(x, (*batch, *x.shape[-2:])), (count, *x.shape[-2:])) for x in (a, b))
    left, right = (1 if transpose_a else 2), (2 if transpose_b else 1)
    attributes = (f"dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], "
                  f"lhs_contracting_dimensions = [{left}], rhs_contracting_dimensions = [{right}]>, {HIGHEST}")
    rows, columns = a.shape[3 - left], b.shape[3 - right]
    sums = body.op("stablehlo.dot_general", (a, b), (count, rows, columns), "f32", attributes)
    return body.reshape(sums, (*batch, rows, columns))


def _emit_matmul(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    (a, b), _, after = start(body, node, operands)
    batch = [int(dim) for dim in node.type.shape[:-2]]  # type: ignore[arg-type]  # fixed, as all shapes here
    return finish(body, node, _product(body, a, b, batch, node.attrs["transpose_a"], node.attrs["transpose_b"]), after)


def _emit_attention(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    q, k, v, *masks = operands
    batch, attrs = q.shape[:-2], node.attrs
    scores = body.multiply(_product(body, q, k, batch, transpose_b=True), attrs["scale"])
    present = None
    if attrs["mask"] == "length":
        present = rows_within(body, masks[0], scores.shape, scores.rank - 1)
    elif attrs["mask"] == "add":
        scores = body.add(scores, body.wide(masks[0]))
    elif attrs["mask"] == "select":
        scores = body.select(body.compare(masks[0], "NE", 0.0), scores, attrs["fill"])
    weights = softmax_weights(body, scores, scores.rank - 1, present)
    if attrs["zero"]:
        weights = body.multiply(weights, body.wide(masks[0]))
    return [body.convert(_product(body, weights, body.wide(v), batch), q.dtype)]


EMITTERS: dict[str, Emitter] = {"matmul": _emit_matmul, "attention": _emit_attention}
