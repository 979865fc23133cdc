"""What engines have. Operators that pick elements by integers that are data: gather, one_hot and their like."""

from ngc.engines.forms import Form, Refusal

ONNX: dict[str, Form] = {}

STABLEHLO: dict[str, Form] = {}

TENSORRT: dict[str, Refusal] = {}
