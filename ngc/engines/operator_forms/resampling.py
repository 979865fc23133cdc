"""What engines have. Operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import onnx_floats, onnx_up_to_f32, stablehlo_floats, stablehlo_form

ONNX: dict[str, Form] = {
    "resize": Form(("Resize",), refuse=onnx_up_to_f32),
    "adaptive_avg_pool": Form(("MatMul",), refuse=onnx_floats),
}

STABLEHLO: dict[str, Form] = {
    "resize": stablehlo_form("dot_general", "transpose", refuse=stablehlo_floats),
    "adaptive_avg_pool": stablehlo_form("dot_general", "transpose", refuse=stablehlo_floats),
}

TENSORRT: dict[str, Refusal] = {}
