"""Makes the f32 values of a graph narrow, f16 or bf16, where the engine's own types are to be these; what is fed and returned stays f32.

    f(x)  =  cast{f32}(f(cast{f16}(x)))       but for rounding; between two such operators there is no cast
    w     =  w'                               constants are rounded once

Operators that stay in f32 with casts around them, and why, are those of `WIDE`: what they sum, or raise, leaves the range or the digits of narrow floats,
or rounding would decide what they answer. Parameters of batch_norm stay in f32 while its data is narrow, since 1/sqrt(var + eps) of small variances
is not what f16 holds; so do vectors of steps with bf16, which the IR adds in f32. In a graph that `insert-qdq` has seen, quantize takes f16 as it takes f32,
and dequantize gives it; there is no such form for bf16.

Refuses, with an event, operators of which a constant or a scalar is beyond f16, a scalar that is zero there, and results whose element type is said.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ngc.errors import PassError
from ngc.ir import STEPS, Graph, Node, Value
from ngc.ir.ops.elementwise import cast_array
from ngc.ir.rewrite import Rewriter
from ngc.passes.base import Pass, PassContext
from ngc.passes.casts import Casts
from ngc.passes.layers import is_layer

_SUMS = "its sums leave the range of narrow floats"
_POWERS = "powers leave the range of narrow floats"
_POLES = "values near its poles leave the range of narrow floats"
_DECIDES = "rounding would decide its answer"
_PLACES = "places in an image take more digits than narrow floats have"
_MATRICES = "errors grow with the condition of the matrix, and it is defined on f32 and f64 only"
_SAID = "its element types are said"
_REGIONS = "what enters its regions and leaves them has the types that they say"

BOXES = ("box_nms", "column_nms", "multibox_detection", "proposal", "bipartite_matching", "box_encode")
REGIONS = ("roi_align", "roi_max_pool", "rotated_roi_align", "ps_roi_pool", "deformable_ps_roi_pool")
"""Operators of detectors, which have boxes among their data."""

WIDE: dict[str, str] = {
    **dict.fromkeys(("softmax", "log_softmax", "layer_norm", "attention", "lrn", "reduce_sum", "reduce_mean", "reduce_prod", "reduce_l1", "reduce_l2",
                     "cumsum", "group_norm", "correlation"), _SUMS),
    **dict.fromkeys(("exp", "expm1", "power", "square", "hypot", "sinh", "cosh", "gamma", "gammaln", "softrelu", "smooth_l1"), _POWERS),
    **dict.fromkeys(("log", "log10", "log2", "log1p", "reciprocal", "rsqrt", "rcbrt", "tan", "erfinv", "arctanh", "arccosh", "arcsinh"), _POLES),
    **dict.fromkeys(("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal", "logical_and", "logical_or", "logical_xor", "logical_not",
                     "mod", "sign", "round", "rint", "ceil", "floor", "trunc", "fix", "topk", "argmax", "argmin"), _DECIDES),
    **dict.fromkeys(("cholesky", "inverse", "eigh", "lq", "lu_pivots", "triangular_solve", "triangular_matmul"), _MATRICES),
    **dict.fromkeys(("cast", "one_hot", "iota", "engine.call"), _SAID),
    **dict.fromkeys(("loop", "cond"), _REGIONS),
    **dict.fromkeys(BOXES, _DECIDES),
    **dict.fromkeys((*REGIONS, "grid_sample", "deformable_columns"), _PLACES),
    "separable_conv2d": "two convolutions in one node have one element type, f32",
}
"""Operators that stay in f32, and steps likewise, with the reason."""

_LARGEST_F16 = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class NarrowFloats(Pass):
    """Rounds f32 to f16 or bf16 wherever operators allow it.

    Attributes:
        dtype: f16 or bf16.
    """

    name: ClassVar[str] = "narrow-floats"
    dtype: str = "f16"

    def __post_init__(self) -> None:
        if self.dtype not in ("f16", "bf16"):
            raise PassError(f"option dtype of pass narrow-floats takes f16 or bf16, not {self.dtype!r}")

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Converts from the first node to the last."""
        converter = _Converter(Rewriter(graph), self.dtype)
        for node in graph.nodes:
            if node.op != "const":
                self._convert(node, graph, converter)
        converter.casts.widen_outputs()
        converter.erase_unread()
        return converter.rewriter.changed

    def _convert(self, node: Node, graph: Graph, converter: "_Converter") -> None:
        if not any(value.type.dtype == "f32" for value in node.outputs):
            if not (node.op == "quantize" and self.dtype == "f16"):  # which takes either
                converter.widen(node)
            return
        reason = why_wide(node, self.dtype)
        if reason is not None or is_layer(node):
            graph.events.record(self.name, "precision", "refused" if reason else "chosen", node.name, reason or f"multiplies {self.dtype}", node.locs)
        if reason is None:
            converter.narrow(node)
        else:
            converter.widen(node)


def why_wide(node: Node, dtype: str) -> str | None:
    """Returns why a node that gives f32 goes on in it, None where its data may be f16 or bf16 as asked."""
    steps = (*node.attrs.get("prologue", ()), *node.attrs.get("epilogue", ()))
    for kind in (node.op, *(step.kind for step in steps)):
        if kind in WIDE:
            return WIDE[kind]
    if node.op == "pool" and node.attrs["kind"] in ("sum", "lp"):
        return _SUMS
    if node.attrs.get("result") is not None:
        return "the element type of its result is said"
    if dtype == "bf16":
        return "integers have no form in bf16" if node.op in ("quantize", "dequantize") else None
    fills = node.op == "sequence_mask" or (node.op == "pad" and node.attrs["mode"] == "constant")
    numbers = [node.attrs.get("scalar"), node.attrs["value"] if fills else None]
    numbers += [number for step in steps if step.kind == "scale" for number in step.params]
    for number in numbers:
        if number is not None and math.isfinite(number) and (abs(number) > _LARGEST_F16 or (number != 0 and np.float16(number) == 0)):
            return f"the scalar {number} is {'beyond' if abs(number) > 1 else 'zero in'} f16"
    for position, value in enumerate(node.inputs):
        if value.is_const and value.type.dtype == "f32" and not _keeps_wide(node, position, dtype) and _overflows(value.array):
            return f"the constant %{value.name} is beyond f16"
    return None


def _overflows(array: np.ndarray) -> bool:
    finite = array[np.isfinite(array)]
    return bool(np.isinf(cast_array(finite, "f16")).any())


def _keeps_wide(node: Node, position: int, dtype: str) -> bool:
    """Whether an operand of a narrow node stays as it is: parameters of batch_norm, a condition, vectors of steps with bf16."""
    if node.op == "batch_norm":
        return position > 0
    if node.op == "where":
        return position == 0
    return dtype == "bf16" and position in _step_vectors(node)


def _step_vectors(node: Node) -> set[int]:
    """Returns the positions of the vectors that a node's steps read, among its operands."""
    steps = (*node.attrs.get("prologue", ()), *node.attrs.get("epilogue", ()))
    kinds = [operand for step in steps for operand in STEPS[step.kind].operands]
    return {position for position, kind in enumerate(kinds, len(node.inputs) - len(kinds)) if kind == "vector"}


@dataclass
class _Converter:
    """Gives nodes their operands in the element types that were chosen."""

    rewriter: Rewriter
    dtype: str
    casts: Casts = field(init=False)
    _constants: dict[Value, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.casts = Casts(self.rewriter, self.dtype)

    def narrow(self, node: Node) -> None:
        """Converts a node's operands and results."""
        inputs = [self.casts.cast(value, "f32", before=node) if _keeps_wide(node, position, self.dtype) else self._narrowed(value, node)
                  for position, value in enumerate(node.inputs)]
        attrs = {**node.attrs, "dtype": self.dtype} if node.op == "dequantize" else node.attrs
        before = [value.type.dtype for value in node.outputs]
        self.rewriter.respecify(node, inputs, attrs)
        self.casts.narrowed.update(dict.fromkeys(value for value, was in zip(node.outputs, before, strict=True) if was == "f32"))

    def widen(self, node: Node) -> None:
        """Gives a node that stays as it is the operands that it had."""
        inputs = [self.casts.cast(value, "f32", before=node) for value in node.inputs]
        if inputs != list(node.inputs):
            self.rewriter.set_inputs(node, inputs)

    def _narrowed(self, value: Value, reader: Node) -> Value:
        if not value.is_const or value.type.dtype != "f32":
            return self.casts.cast(value, self.dtype, before=reader)
        if value not in self._constants:
            array = cast_array(value.array, self.dtype)
            self._constants[value] = self.rewriter.constant(f"{value.name}.{self.dtype}", array, before=reader, locs=reader.locs, dtype=self.dtype)
        return self._constants[value]

    def erase_unread(self) -> None:
        """Removes the constants that nothing reads in f32 any more."""
        for value in self._constants:
            if value.producer is not None:
                self.rewriter.erase_dead(value.producer)
