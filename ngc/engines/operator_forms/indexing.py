"""What engines have. Operators that pick elements by integers that are data: gather, one_hot and their like."""

import numpy as np

from ngc.engines.forms import Form, Refusal
from ngc.engines.rows import stablehlo_dtypes, stablehlo_form
from ngc.ir import Node, SymDim

_SUMMED = frozenset({"f32", "i32", "u8", "i8"})


def _repeated_indices(node: Node) -> str | None:
    indices, shape = node.inputs[1].type.shape, node.type.shape
    grown = any(isinstance(dim, SymDim) and own != dim for own, dim in zip(indices, shape, strict=True))
    return "indices of one cannot be repeated N times: nothing in them says how large N is" if grown else None


def _distinct(node: Node) -> str | None:
    """Refuses updates of which two may be of one element: engines leave open which of them counts."""
    x, indices = node.inputs[0].type, node.inputs[1]
    reason = "of two updates of one element the last one counts, which only constant coordinates without equal ones promise an engine"
    if not indices.is_const:
        return reason
    count = indices.array.shape[0]
    fixed = [dim for dim in x.shape[:count] if isinstance(dim, int)]
    if len(fixed) < count:
        return reason
    rows = [np.clip(row, 0, size - 1).reshape(-1) for row, size in zip(indices.array, fixed, strict=True)]
    at = np.ravel_multi_index(rows, fixed)
    return None if np.unique(at).size == at.size else reason


def _first_batch(node: Node) -> str | None:
    if any(isinstance(dim, SymDim) for dim in node.inputs[0].type.shape[1:]):
        return "the positions of what is written are constants, which N past the first dimension does not let be"
    return None


def _cumsum(node: Node) -> str | None:
    dtype = node.inputs[0].type.dtype
    return f"each sum is rounded to {dtype}, which ONNX Runtime has no CumSum of" if dtype in ("f16", "bf16") else None


ONNX: dict[str, Form] = {
    "gather": Form(("Gather", "Sub", "Max", "Min", "Mod", "Shape")),
    "gather_elements": Form(("GatherElements", "Sub", "Max", "Min", "Mod", "Shape", "Expand"), refuse=_repeated_indices),
    "gather_nd": Form(("GatherND", "Transpose", "Less", "Add", "Where", "Sub", "Max", "Min", "Shape")),
    "scatter_nd": Form(("ScatterND", "Transpose", "Sub", "Max", "Min", "Shape"), refuse=_distinct),
    "slice_update": Form(("ScatterND", "Transpose"), refuse=_first_batch),
    "one_hot": Form(("Equal", "Where")),
    "iota": Form(("Shape", "ReduceProd", "Gather", "Range", "Div", "Mul", "Add")),
    "cumsum": Form(("CumSum",), refuse=_cumsum),
}

STABLEHLO: dict[str, Form] = {
    "gather": stablehlo_form("gather", "remainder", "compare", "add", "select", "maximum", "minimum"),
    "gather_elements": stablehlo_form("gather", "iota", "concatenate", "remainder", "compare", "add", "select", "maximum", "minimum"),
    "gather_nd": stablehlo_form("gather", "transpose", "compare", "add", "subtract", "select", "maximum", "minimum"),
    "scatter_nd": Form(reason="StableHLO leaves open which of two updates of one element counts"),
    "slice_update": stablehlo_form("reverse", "pad", "select"),
    "one_hot": stablehlo_form("iota", "compare", "select"),
    "iota": stablehlo_form("iota", "divide", "multiply", "add"),
    "cumsum": stablehlo_form("reduce_window", "add", refuse=stablehlo_dtypes(_SUMMED)),
}

TENSORRT: dict[str, Refusal] = {}
