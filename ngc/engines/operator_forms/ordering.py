"""What engines have. Operators that sort, and that find the largest and smallest."""

from ngc.engines.forms import Form, Refusal

ONNX: dict[str, Form] = {}

STABLEHLO: dict[str, Form] = {}

TENSORRT: dict[str, Refusal] = {}
