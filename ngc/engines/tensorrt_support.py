"""What ONNX has a form for and TensorRT does not take, node by node, as the parser and the builder of TensorRT for RTX 1.7 answer.

    element types  f32, f16, bf16, i32, i64 and bool. TensorRT has no f64: it would compute in f32 without a word. Of 8-bit integers it has those that
                   stand for real numbers, symmetric ones: i8 with zero at 0, between quantize and dequantize.
    ranks          up to 8
    operators      see below; what is not named there is taken as ONNX has it

Support does not depend on the provider or on the compute capability.
"""

from dataclasses import replace

from ngc.engines.forms import Form, Refusal
from ngc.engines.onnx_forms import ONNX_FORMS, why_no_onnx
from ngc.engines.operator_forms import FAMILIES
from ngc.ir import Node

DTYPES = frozenset({"f32", "f16", "bf16", "i32", "i64", "bool"})
"""Element types that TensorRT computes with."""

MOST_DIMENSIONS = 8


def why_not_tensorrt(node: Node) -> str | None:
    """Returns why TensorRT does not take a node, None where it does."""
    reason = why_no_onnx(node)
    if reason is not None or node.op == "const":
        return reason
    refuse = _REFUSALS.get(node.op)
    return _why_no_type(node) or (refuse(node) if refuse is not None else None)


def _why_no_type(node: Node) -> str | None:
    for value in (*node.inputs, *node.outputs):
        dtype, rank = value.type.dtype, value.type.rank
        if rank > MOST_DIMENSIONS:
            return f"TensorRT has tensors of up to {MOST_DIMENSIONS} dimensions, not {rank}"
        if dtype == "f64":
            return "TensorRT has no f64"
        if dtype not in DTYPES and not (dtype == "i8" and node.op in ("quantize", "dequantize")):
            return f"{node.op} of {dtype}: 8-bit integers of TensorRT stand for real numbers, between quantize and dequantize only"
    return None


def _quantize(node: Node) -> str | None:
    zero = node.attrs["zero_point"]
    return f"TensorRT quantizes symmetrically, with a zero point of 0, not {zero}" if zero else None


def _of_integers(node: Node) -> str | None:
    dtype = node.inputs[0].type.dtype
    return f"{node.op} of {dtype} is computed in f64, which TensorRT does not have" if dtype in ("i32", "i64", "bool") else None


def _pool(node: Node) -> str | None:
    if node.attrs["kind"] == "max" and (reason := _of_integers(node)):
        return reason
    if node.attrs["kind"] == "lp" and len(node.attrs["kernel"]) == 1:
        return "TensorRT has no lp pooling over one dimension"
    return None


def _upsample(node: Node) -> str | None:
    x = node.inputs[0].type
    if x.dtype == "i32":
        return "TensorRT resizes floats, not i32"
    # Other integers are repeated along dimensions of their own, one for each that is scaled.
    if x.dtype in ("i64", "bool") and 2 * x.rank - 2 > MOST_DIMENSIONS:
        return f"TensorRT repeats {x.dtype} in up to {MOST_DIMENSIONS} dimensions, not in {2 * x.rank - 2}"
    return None


def _softmax(node: Node) -> str | None:
    return f"{node.op} of TensorRT takes two dimensions or more" if node.type.rank < 2 else None


def _deconv(node: Node) -> str | None:
    strided, dilated = max(node.attrs["stride"]) > 1, max(node.attrs["dilate"]) > 1
    return "deconvolutions of TensorRT are strided or dilated, not both" if strided and dilated else None


_LRN = {"size": (1, 15), "alpha": (-1e20, 1e20), "beta": (0.01, 1e5), "knorm": (1e-5, 1e10)}
"""The ranges of ILRNLayer."""


def _lrn(node: Node) -> str | None:
    for name, (low, high) in _LRN.items():
        if not low <= node.attrs[name] <= high:
            return f"LRN of TensorRT takes {name} between {low:g} and {high:g}, not {node.attrs[name]:g}"
    return None


_REFUSALS: dict[str, Refusal] = {
    "quantize": _quantize,
    "dequantize": _quantize,
    "pool": _pool,
    "hypot": _of_integers,
    "reduce_l2": _of_integers,
    "upsample": _upsample,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "lrn": _lrn,
    **{f"deconv{rank}d": _deconv for rank in (1, 2, 3)},
    **{name: refuse for family in FAMILIES for name, refuse in family.TENSORRT.items()},
}


def tensorrt_form(op: str) -> Form:
    """Returns the row of an IR operator: ONNX's, by way of which TensorRT reads it, with what either refuses by a node's attributes."""
    row = ONNX_FORMS[op]
    return replace(row, refuse=why_not_tensorrt) if row.ops and (row.refuse or op in _REFUSALS) else row
