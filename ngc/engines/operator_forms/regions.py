"""What engines have. Control flow: loops and conditionals."""

from ngc.engines.forms import Form, Refusal
from ngc.ir import Node, SymDim


def _inside(node: Node) -> str | None:
    """Refuses control flow around what has no form."""
    from ngc.engines.onnx_forms import why_no_onnx  # the table of all operators, those of this file among them

    for region in node.regions:
        for inner in region.nodes:
            reason = why_no_onnx(inner)
            if reason is not None:
                return f"in its region {region.name}, {reason}"
    return None


def _loop(node: Node) -> str | None:
    if len(node.regions) > 1 and node.attrs["scanned"]:
        return "a loop that scans and has a condition has no form in ONNX: Scan has no condition, Loop no scanned inputs"
    if len(node.regions) > 1 and any(isinstance(dim, SymDim) for value in node.outputs[node.attrs["carried"]:] for dim in value.type.shape):
        return "zeros behind the rows of a loop that ends early are a constant of ONNX, whose shape does not depend on N"
    return _inside(node)


_STAYS = "control flow stays on the CPU, between what engines execute"


def _on_cpu(node: Node) -> str | None:
    return _STAYS


ONNX: dict[str, Form] = {
    "loop": Form(("Scan", "Loop", "Equal", "Not", "Concat", "Slice"), refuse=_loop),
    "cond": Form(("If", "Equal", "Not"), refuse=_inside),
}

STABLEHLO: dict[str, Form] = {"loop": Form(reason=_STAYS), "cond": Form(reason=_STAYS)}

TENSORRT: dict[str, Refusal] = {"loop": _on_cpu, "cond": _on_cpu}
