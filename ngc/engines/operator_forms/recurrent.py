"""What engines have. Recurrent layers."""

from ngc.engines.forms import Form, Refusal

ONNX: dict[str, Form] = {}

STABLEHLO: dict[str, Form] = {}

TENSORRT: dict[str, Refusal] = {}
