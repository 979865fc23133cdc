"""What engines have. Operators that compare elements along an axis: topk, argmax and their like."""

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import stablehlo_form
from ngc.ir import Node


def _arg(node: Node) -> str | None:
    return f"ONNX Runtime has no {node.op} of i64" if node.inputs[0].type.dtype == "i64" else None


ONNX: dict[str, Form] = {
    "topk": Form(("TopK",)),
    "argmax": Form(("ArgMax",), refuse=_arg),
    "argmin": Form(("ArgMin",), refuse=_arg),
}

STABLEHLO: dict[str, Form] = {
    "topk": stablehlo_form("iota", "sort", "compare", "and", "or"),
    "argmax": stablehlo_form("reduce", "maximum", "compare", "or", "iota", "select", "minimum"),
    "argmin": stablehlo_form("reduce", "compare", "or", "iota", "select", "minimum"),
}

_MOST_OF_TENSORRT = 3840
"""ITopKLayer's limit."""


def _topk_of_tensorrt(node: Node) -> str | None:
    k = node.attrs["k"]
    return f"TopK of TensorRT gives up to {_MOST_OF_TENSORRT} elements, not {k}" if k > _MOST_OF_TENSORRT else None


def _arg_of_tensorrt(node: Node) -> str | None:
    return f"{node.op} of TensorRT takes two dimensions or more" if node.inputs[0].type.rank < 2 else None


TENSORRT: dict[str, Refusal] = {"topk": _topk_of_tensorrt, "argmax": _arg_of_tensorrt, "argmin": _arg_of_tensorrt}
