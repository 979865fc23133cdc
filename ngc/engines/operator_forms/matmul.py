"""What engines have. Products of matrices that are data, and attention."""

from ngc.engines.forms import Form, Refusal

ONNX: dict[str, Form] = {}

STABLEHLO: dict[str, Form] = {}

TENSORRT: dict[str, Refusal] = {}
