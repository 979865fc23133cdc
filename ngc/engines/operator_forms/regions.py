"""What engines have. Control flow: loops and conditionals, whose regions are code of the CPU's."""

from ngc.engines.forms import Form, Refusal

ONNX: dict[str, Form] = {
    "loop": Form(reason="its regions are lowered for the CPU"),
    "cond": Form(reason="its regions are lowered for the CPU"),
}

STABLEHLO: dict[str, Form] = {
    "loop": Form(reason="its regions are lowered for the CPU"),
    "cond": Form(reason="its regions are lowered for the CPU"),
}

TENSORRT: dict[str, Refusal] = {}
