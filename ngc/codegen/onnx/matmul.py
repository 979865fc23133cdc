"""Writes to ONNX: products of matrices that are data, and attention as the parts that it is made of."""

from ngc.codegen.onnx.normalization import weights_within
from ngc.codegen.onnx.steps import apply_steps, stored
from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node
from ngc.passes.step_forms import split_operands


def _transposed(writer: OnnxWriter, matrices: Tensor, rank: int) -> Tensor:
    """Returns the transposes of the matrices in the last two axes."""
    return writer.apply("Transpose", matrices, perm=[*range(rank - 2), rank - 1, rank - 2])


def _matmul(writer: OnnxWriter, node: Node) -> list[Tensor]:
    own, _, after = split_operands(node)
    a, b = (_transposed(writer, writer.computed(value), value.type.rank) if node.attrs[name] else writer.computed(value)
            for value, name in zip(own, ("transpose_a", "transpose_b"), strict=True))
    result, tees = apply_steps(writer, node.attrs["epilogue"], after, writer.apply("MatMul", a, b), node.type.rank, -1)
    return stored(writer, node, [result, *tees])


def _attention(writer: OnnxWriter, node: Node) -> Tensor:
    (q, k, v, *masks), attrs = node.inputs, node.attrs
    queries, keys, values = (writer.computed(value) for value in (q, k, v))
    scores = writer.apply("MatMul", queries, _transposed(writer, keys, k.type.rank))
    scores = writer.apply("Mul", scores, writer.number(attrs["scale"], scores.dtype))
    if attrs["mask"] == "length":
        weights = weights_within(writer, scores, masks[0], q.type.rank - 1, k.type.shape[-2])
    else:
        for mask in (writer.operand(value, scores.dtype) for value in masks):
            if attrs["mask"] == "add":
                scores = writer.apply("Add", scores, mask)
            else:
                left_out = writer.apply("Equal", mask, writer.number(0, mask.dtype), dtype="bool")
                scores = writer.apply("Where", left_out, writer.number(attrs["fill"], scores.dtype), scores, dtype=scores.dtype)
        weights = writer.apply("Softmax", scores, axis=-1)
        if attrs["zero"]:
            weights = writer.apply("Mul", weights, writer.operand(masks[0], weights.dtype))
    return writer.apply("MatMul", weights, values)


HANDLERS: dict[str, Handler] = {"matmul": _matmul, "attention": _attention}
