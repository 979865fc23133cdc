"""What engines have. Recurrent layers."""

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import STABLEHLO_FLOATS, onnx_up_to_f32, stablehlo_dtypes, stablehlo_form
from ngc.ir import Node

MOST_STEPS = 256
"""Steps of all directions up to which a layer is unrolled in StableHLO."""


def _onnx(node: Node) -> str | None:
    if not node.attrs["clip_min"] is node.attrs["clip_max"] is None:
        return "ONNX clips what goes into a cell's functions, not the cell"
    return onnx_up_to_f32(node)


def _stablehlo(node: Node) -> str | None:
    steps = node.type.shape[0] * (2 if node.attrs["bidirectional"] else 1)
    if isinstance(steps, int) and steps > MOST_STEPS:
        return f"{steps} steps are more than the {MOST_STEPS} that are unrolled"
    return stablehlo_dtypes(STABLEHLO_FLOATS | {"i32"})(node)


def _tensorrt(node: Node) -> str | None:
    """The builder moves the cast of the whole data into the loop and then expects one step's data in it."""
    dtype = node.inputs[0].type.dtype
    if dtype in ("f16", "bf16") and not node.attrs["bidirectional"]:
        return f"TensorRT builds no recurrent layer of one direction whose data is cast from {dtype}"
    return None


ONNX: dict[str, Form] = {
    "recurrent": Form(("RNN", "LSTM", "GRU", "Gather", "Transpose", "Expand", "Shape", "Concat", "Max", "Min", "LessOrEqual", "Where"), refuse=_onnx),
}

STABLEHLO: dict[str, Form] = {
    "recurrent": stablehlo_form("dot_general", "add", "multiply", "subtract", "maximum", "minimum", "logistic", "tanh", "compare", "select", "concatenate",
                                refuse=_stablehlo),
}

TENSORRT: dict[str, Refusal] = {"recurrent": _tensorrt}
