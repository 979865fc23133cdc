"""What a pass that narrows element types does to each node by itself.

Quantization moves every output, so that only comparing nodes tells a fault from rounding. A node of the narrowed graph is compared with the node of the same
name before the pass, which is given the numbers that the narrow operands stand for: errors of earlier nodes are not counted again, and neither is what
saturates in the operands. What is left is

    the rounding of the weights     in int8 known from the weights and the data (`weight_noise`), of which a few times as much is allowed
    the rounding of the result      at most half a step where it is stored as integers, and numbers beyond the ends of their range become those ends

All errors are root mean squares over a node's result, relative to that of the result.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ngc.ir import Graph, Node, Value, evaluate
from ngc.ir.reference import evaluate_node
from ngc.ir.tensor_type import DTYPES, Quant
from ngc.passes.instruments.watched import named_values
from ngc.passes.instruments.weight_noise import weight_noise

ROUNDING: Mapping[str, float] = {"i8": 0.1, "u8": 0.1, "bf16": 0.02, "f16": 0.005}
"""What one node may lose, by the narrowest type that a pass brings, the narrowest first. bf16 rounds operands and results by at most 2^-9 each, f16 by 2^-12,
with room for weights that are small in f16; what int8 weights lose is known better, and this is for steps such as exp behind them."""

_WEIGHTS = 4.0
"""How many times the expected error of rounded weights is allowed: it is one draw a channel, and correcting the bias moves results by up to as much."""

LEAST_SIGNAL = 0.5
"""The root mean square error of an output over that of the output, beyond which quantization failed even where every node is right (6 dB)."""

_LIMITS = {"i8": (-128, 127), "u8": (0, 255)}
_CONVERSIONS = frozenset({"eltwise", "cast", "quantize", "dequantize"})
"""What passes insert where one type becomes another; real numbers stay what they are, but for rounding."""

_CONVERSION = 2.0 ** -8
"""What a conversion to the coarsest float may lose; one to integers also the rounding of the result."""


@dataclass(frozen=True)
class Rounded:
    """What became of one result.

    Attributes:
        name: of the value; inside a region `call/value`.
        error: root mean square of the difference, relative to that of the result.
        allowed: the largest error that rounding explains.
        saturated: the share of numbers beyond what its integers hold.
    """

    value: Value
    name: str
    error: float
    allowed: float
    saturated: float


def narrowed_to(before: Graph, after: Graph) -> str | None:
    """Returns the narrowest element type that results have now and no result had, None where there is none."""
    former, present = (_dtypes(graph) for graph in (before, after))
    return next((dtype for dtype in ROUNDING if dtype in present - former), None)


def _dtypes(graph: Graph) -> set[str]:
    return {value.type.dtype for part in graph.with_regions() for node in part.nodes if node.op != "const" for value in node.outputs}


def root_mean_square(array: np.ndarray) -> float:
    """Returns the root mean square, 0 of nothing; NaN and infinity stay what they are."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(array.astype(np.float64))))) if array.size else 0.0


@dataclass
class RoundingCheck:
    """Compares the nodes of a narrowed graph with those before the pass.

    Attributes:
        rounding: what one node may lose, None for what is known of the type.
        dtype: the narrow type.
    """

    before: Graph
    after: Graph
    rounding: float | None
    dtype: str
    _arrays: dict[Value, np.ndarray] = field(default_factory=dict, init=False)
    _former: dict[str, Value] = field(default_factory=dict, init=False)

    def run(self, feeds: Mapping[str, np.ndarray]) -> tuple[list[np.ndarray], list[Rounded]]:
        """Evaluates the narrowed graph; returns its outputs, and what became of each result that can be compared, in order."""
        self._former = {name: value for value, name in named_values(self.before)}
        outputs = evaluate(self.after, feeds, observe=self._arrays.__setitem__)
        results = [rounded for value, name in named_values(self.after) for rounded in self._compare(value, name)]
        self._arrays.clear()
        return outputs, results

    def _compare(self, value: Value, name: str) -> Iterator[Rounded]:
        node, former = value.producer, self._former.get(name)
        if node is None or node.op == "const" or node.regions:
            return
        prefix = name.removesuffix(value.name)
        if former is None:
            if node.op in _CONVERSIONS and not node.inputs[0].is_const:
                yield self._rounded(value, name, self._real(node.inputs[0]), _CONVERSION)
        elif former.producer is not None and former.producer.op == node.op and not any(own.type.quant for own in (former, *former.producer.inputs)):
            operands = [self._operand(operand, node, prefix) for operand in former.producer.inputs]
            if all(operand is not None for operand in operands):
                arrays = [operand for operand in operands if operand is not None]
                wanted = evaluate_node(former.producer, arrays)[former.index]
                yield self._rounded(value, name, wanted, *self._may_lose(former.producer, arrays))

    def _may_lose(self, node: Node, arrays: list[np.ndarray]) -> tuple[float, float]:
        """Returns what a result may lose, relative to its size and by itself."""
        if self.rounding is not None:
            return self.rounding, 0.0
        noise = weight_noise(node, arrays) if self.dtype in _LIMITS else None
        return (ROUNDING[self.dtype], 0.0) if noise is None else (_CONVERSION, _WEIGHTS * noise)

    def _operand(self, former: Value, node: Node, prefix: str) -> np.ndarray | None:
        """Returns the numbers that stand for a former operand where a node reads it, None where it reads nothing that does."""
        if former.is_const:
            return np.asarray(former.array)
        for value in node.inputs:
            origin: Value | None = value
            while origin is not None and origin.name != former.name:
                made_by = origin.producer
                is_new = made_by is not None and made_by.op in _CONVERSIONS and prefix + made_by.name not in self._former
                origin = made_by.inputs[0] if made_by is not None and is_new else None
            if origin is not None:
                return self._real(value).astype(DTYPES.get(former.type.dtype, DTYPES["f32"]))
        return None

    def _real(self, value: Value) -> np.ndarray:
        array = self._arrays[value]
        return array if value.type.quant is None else value.type.quant.real(array)

    def _rounded(self, value: Value, name: str, wanted: np.ndarray, rounding: float, noise: float = 0.0) -> Rounded:
        got, wanted, step, saturated = self._real(value), wanted.astype(np.float64), 0.0, 0.0
        quant = value.type.quant
        if quant is not None:
            low, high = _ends(quant, value.type.dtype, wanted.ndim)
            saturated = float(np.mean((wanted < low) | (wanted > high))) if wanted.size else 0.0
            wanted, step = np.clip(wanted, low, high), max(quant.scale) / 2
        size = root_mean_square(wanted)
        error = np.inf if got.shape != wanted.shape else 0.0 if np.array_equal(got, wanted, equal_nan=True) else root_mean_square(got - wanted)
        scale = size if size and np.isfinite(size) else 1.0
        return Rounded(value, name, error / scale, rounding * (size / scale) + (step + noise) / scale, saturated)


def _ends(quant: Quant, dtype: str, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the least and the largest number that integers stand for, in a shape that broadcasts against the data."""
    shape = [1] * rank
    if quant.axis is not None:
        shape[quant.axis] = len(quant.scale)
    low, high = (quant.real(np.full(shape, end)) for end in _LIMITS[dtype])
    return low, high
