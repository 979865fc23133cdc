"""What engines have. Operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from ngc.engines.forms import Form, Refusal

ONNX: dict[str, Form] = {}

STABLEHLO: dict[str, Form] = {}

TENSORRT: dict[str, Refusal] = {}
