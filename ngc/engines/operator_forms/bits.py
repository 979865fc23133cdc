"""What engines have. Operators on the bits of integers."""

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import STABLEHLO_NARROW_INTEGERS, stablehlo_dtypes, stablehlo_form
from ngc.ir import Node

_integers = stablehlo_dtypes(STABLEHLO_NARROW_INTEGERS | {"i32"})

ONNX: dict[str, Form] = {
    "bitwise_and": Form(("BitwiseAnd",)),
    "bitwise_or": Form(("BitwiseOr",)),
    "bitwise_xor": Form(("BitwiseXor",)),
    "shift_left": Form(("Clip", "Gather", "Mul", "Equal", "Where")),
    "shift_right": Form(("Clip", "Gather", "Mod", "Sub", "Div", "Equal", "Less", "Where")),
}

STABLEHLO: dict[str, Form] = {
    "bitwise_and": stablehlo_form("and", refuse=_integers),
    "bitwise_or": stablehlo_form("or", refuse=_integers),
    "bitwise_xor": stablehlo_form("xor", refuse=_integers),
    "shift_left": stablehlo_form("compare", "and", "select", "shift_left", refuse=_integers),
    "shift_right": stablehlo_form("compare", "and", "select", "shift_right_arithmetic", "shift_right_logical", refuse=_integers),
}


def _of_bits(node: Node) -> str | None:
    return "TensorRT has no operators on bits"


TENSORRT: dict[str, Refusal] = dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), _of_bits)
