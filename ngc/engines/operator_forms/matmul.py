"""What engines have of products of matrices that are data, and of attention."""

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import onnx_floats, stablehlo_floats, stablehlo_form
from ngc.ir import Node

ONNX: dict[str, Form] = {
    "matmul": Form(("MatMul", "Transpose"), refuse=onnx_floats),
    "attention": Form(("Transpose", "MatMul", "Mul", "Add", "Equal", "Less", "Where", "Softmax"), refuse=onnx_floats),
}


def _products(node: Node) -> str | None:
    """Masks of integers are lengths; what is multiplied are floats."""
    return stablehlo_floats(node) if node.op == "matmul" or node.attrs["mask"] != "length" else None


STABLEHLO: dict[str, Form] = {
    "matmul": stablehlo_form("dot_general", refuse=_products),
    "attention": stablehlo_form("dot_general", "multiply", "add", "compare", "select", "divide", "reduce", "maximum", "subtract", "exponential",
                                refuse=_products),
}

TENSORRT: dict[str, Refusal] = {}
