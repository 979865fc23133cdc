"""Steps of prologues and epilogues: the same fold as the evaluator's, on f32 tensors."""

from collections.abc import Sequence

from ngc.codegen.stablehlo.text import Body, Tensor
from ngc.codegen.stablehlo.unary import FLOAT, leaky_relu
from ngc.ir import Node, Step


def emit_steps(body: Body, steps: Sequence[Step], operands: Sequence[Tensor], x: Tensor, axis: int) -> tuple[Tensor, list[Tensor]]:
    """Returns the value after all steps and what each tee stored, both in f32."""
    remaining, tees = [body.convert(operand, "f32") for operand in operands], []
    for step in steps:
        taken = [remaining.pop(0) for _ in range(step.operands)]
        match step.kind:
            case "bias":
                x = body.add(x, body.along(taken[0], x, axis))
            case "affine":
                x = body.add(body.multiply(x, body.along(taken[0], x, axis)), body.along(taken[1], x, axis))
            case "prelu":
                x = leaky_relu(body, x, body.along(taken[0], x, axis))
            case "add":
                x = body.add(x, body.broadcast_right(taken[0], x.shape))
            case "multiply":
                x = body.multiply(x, body.broadcast_right(taken[0], x.shape))
            case "add_scaled":
                x = body.add(x, body.multiply(taken[0], step.params[0]))
            case "scale":
                x = body.add(body.multiply(x, step.params[0]), step.params[1])
            case "tee":
                tees.append(x)
            case _:
                x = FLOAT[step.kind](body, x, *step.params)
    return x, tees


def saturate_to_u8(body: Body, x: Tensor) -> Tensor:
    """Returns floats rounded to the nearest integers, halves to even, within 0 and 255; NaN gives 0."""
    number = body.select(body.compare(x, "EQ", x), x, 0.0)
    rounded = body.map("round_nearest_even", number)
    return body.convert(body.minimum(body.maximum(rounded, 0.0), 255.0), "u8")


def finish(body: Body, node: Node, x: Tensor, operands: Sequence[Tensor]) -> list[Tensor]:
    """Returns a node's results: its epilogue over what its main work gave, each rounded once to what is stored."""
    first, tees = emit_steps(body, node.attrs.get("epilogue", ()), operands, x, node.definition.channel_axis)
    return [saturate_to_u8(body, part) if value.type.dtype == "u8" and part.dtype != "u8" else body.convert(part, value.type.dtype)
            for value, part in zip(node.outputs, (first, *tees), strict=True)]


def start(body: Body, node: Node, operands: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Returns a node's own operands, those of its prologue and those of its epilogue."""
    own, before, _ = node.definition.split(len(operands), node.attrs)
    return list(operands[:own]), list(operands[own:own + before]), list(operands[own + before:])
