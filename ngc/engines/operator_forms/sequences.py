"""What engines have. Operators on sequences of different lengths."""

from ngc.engines.forms import Form, Refusal

ONNX: dict[str, Form] = {}

STABLEHLO: dict[str, Form] = {}

TENSORRT: dict[str, Refusal] = {}
