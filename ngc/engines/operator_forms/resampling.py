"""What engines have. Operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import onnx_floats, onnx_up_to_f32, stablehlo_floats, stablehlo_form

_GATHERED = "its places are data: StableHLO would take a gather of each of four corners for every element"

ONNX: dict[str, Form] = {
    "resize": Form(("Resize",), refuse=onnx_up_to_f32),
    "adaptive_avg_pool": Form(("MatMul",), refuse=onnx_floats),
    "grid_sample": Form(("Transpose", "GridSample"), refuse=onnx_up_to_f32),
    "deformable_columns": Form(reason="ONNX has what this and the convolution behind it compute together, DeformConv, which ONNX Runtime has no kernel of"),
    "correlation": Form(reason="ONNX has no correlation of images"),
}

STABLEHLO: dict[str, Form] = {
    "resize": stablehlo_form("dot_general", "transpose", refuse=stablehlo_floats),
    "adaptive_avg_pool": stablehlo_form("dot_general", "transpose", refuse=stablehlo_floats),
    "grid_sample": Form(reason=_GATHERED),
    "deformable_columns": Form(reason=_GATHERED),
    "correlation": Form(reason="StableHLO would take a product of slices for each displacement"),
}

TENSORRT: dict[str, Refusal] = {}
