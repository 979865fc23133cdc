"""Prologues and epilogues in ONNX, and how results are stored.

Steps work on a register: f32 where data or results are bf16 or u8, the data's own element type elsewhere.
"""

from collections.abc import Sequence

from ngc.codegen.onnx.elementwise import prelu
from ngc.codegen.onnx.functions import function
from ngc.codegen.onnx.writer import OnnxWriter, Tensor
from ngc.ir import Node, Step, Value
from ngc.passes.step_forms import step_operands


def register(writer: OnnxWriter, value: Value, zero: int = 0) -> Tensor:
    """Returns a value as a register holds it: integers less the one that stands for zero."""
    if value.type.dtype in ("u8", "i8"):
        stored = writer.operand(value)
        return writer.apply("DequantizeLinear", stored, writer.number(1, "f32"), writer.number(zero, stored.dtype), dtype="f32")
    return writer.computed(value)


def apply_steps(writer: OnnxWriter, steps: Sequence[Step], operands: Sequence[Value], x: Tensor, rank: int, axis: int) -> tuple[Tensor, list[Tensor]]:
    """Returns a register of that rank, whose channels lie along `axis`, after all steps, and what each tee stored."""
    tees: list[Tensor] = []
    trailing = (1,) * (rank - 1 - axis % rank)
    for step, values in step_operands(steps, operands):
        match step.kind:
            case "bias":
                x = writer.apply("Add", x, _vector(writer, values[0], trailing, x.dtype))
            case "affine":
                x = writer.apply("Mul", x, _vector(writer, values[0], trailing, x.dtype))
                x = writer.apply("Add", x, _vector(writer, values[1], trailing, x.dtype))
            case "prelu":
                x = prelu(writer, x, _vector(writer, values[0], trailing, x.dtype))
            case "add":
                x = writer.apply("Add", x, writer.operand(values[0], x.dtype))
            case "multiply":
                x = writer.apply("Mul", x, writer.operand(values[0], x.dtype))
            case "add_scaled":
                x = writer.apply("Add", x, _scaled(writer, writer.cast(register(writer, values[0]), x.dtype), step.params[0]))
            case "scale":
                factor, offset = step.params
                x = _scaled(writer, x, factor)
                x = x if offset == 0 else writer.apply("Add", x, writer.number(offset, x.dtype))
            case "tee":
                tees.append(x)
            case _:
                x = function(writer, step.kind, x, step.params)
    return x, tees


def stored(writer: OnnxWriter, node: Node, results: Sequence[Tensor]) -> list[Tensor]:
    """Returns a node's results as they are stored: for u8 rounded to nearest even and saturated, else cast."""
    return [writer.apply("QuantizeLinear", tensor, writer.number(1, "f32"), writer.number(0, "u8"), dtype="u8")
            if value.type.dtype == "u8" and tensor.dtype == "f32" else writer.cast(tensor, value.type.dtype)
            for value, tensor in zip(node.outputs, results, strict=True)]


def _vector(writer: OnnxWriter, value: Value, trailing: tuple[int, ...], dtype: str) -> Tensor:
    """Returns a per-channel operand in a shape that broadcasts along the channels."""
    return writer.arranged(value, (int(value.type.shape[0]), *trailing), dtype)  # type: ignore[arg-type]  # channels have no N


def _scaled(writer: OnnxWriter, x: Tensor, factor: float) -> Tensor:
    return x if factor == 1 else writer.apply("Mul", x, writer.number(factor, x.dtype))
