"""What the rows of the tables of forms are made of."""

from ngc.engines.forms import Form, Refusal
from ngc.ir import Node
from ngc.ir.tensor_type import FLOATS

STABLEHLO_FLOATS = frozenset({"f32", "f16", "bf16"})
STABLEHLO_NARROW_INTEGERS = frozenset({"u8", "i8"})


def onnx_floats(node: Node) -> str | None:
    """Refuses data that is no float."""
    dtype = node.inputs[0].type.dtype
    return None if dtype in FLOATS else f"{node.op} of {dtype} has no form in ONNX, which takes floats"


def onnx_up_to_f32(node: Node) -> str | None:
    """Refuses data that is no float, and f64."""
    dtype = node.inputs[0].type.dtype
    return f"ONNX Runtime has no {node.op} of f64" if dtype == "f64" else onnx_floats(node)


def stablehlo_form(*ops: str, refuse: Refusal | None = None) -> Form:
    """Returns a row of operations; those without a dialect in their name are StableHLO's."""
    return Form(tuple(op if "." in op else f"stablehlo.{op}" for op in ops), refuse=refuse)


def stablehlo_dtypes(allowed: frozenset[str]) -> Refusal:
    """Returns the refusal of operands of other dtypes."""

    def refuse(node: Node) -> str | None:
        found = sorted({value.type.dtype for value in node.inputs} - allowed)
        return f"{node.op} of {found[0]} has no form in StableHLO that gives the same numbers" if found else None

    return refuse


stablehlo_floats = stablehlo_dtypes(STABLEHLO_FLOATS)
stablehlo_numbers = stablehlo_dtypes(STABLEHLO_FLOATS | STABLEHLO_NARROW_INTEGERS | {"i32"})
