"""Operators on sequences of different lengths, in StableHLO."""

from collections.abc import Sequence

from ngc.codegen.stablehlo.indexing import held, iota
from ngc.codegen.stablehlo.text import Body, Emitter, Tensor
from ngc.ir import Node


def emit_sequence_mask(body: Body, node: Node, operands: Sequence[Tensor]) -> list[Tensor]:
    """Emits sequence_mask."""
    x, lengths = operands
    axis = node.attrs["axis"]
    inside = body.compare(iota(body, x.shape, axis), "LT", body.along(lengths, x, 1 - axis))
    return [body.select(inside, x, held(node.attrs["value"], x.dtype))]


EMITTERS: dict[str, Emitter] = {"sequence_mask": emit_sequence_mask}
