"""What engines have. Operators on sequences of different lengths in one tensor."""

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import stablehlo_form
from ngc.ir import Node, SymDim


def _fixed_steps(node: Node) -> str | None:
    if isinstance(node.type.shape[node.attrs["axis"]], SymDim):
        return "the positions on the time axis are constants, which a length of N does not let be"
    return None


ONNX: dict[str, Form] = {"sequence_mask": Form(("Less", "Where"), refuse=_fixed_steps)}

STABLEHLO: dict[str, Form] = {"sequence_mask": stablehlo_form("iota", "compare", "select")}

TENSORRT: dict[str, Refusal] = {}
