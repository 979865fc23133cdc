"""Quantizes test networks by ranges that the reference evaluator measures, and checks every node of the result against what it stands for."""

import numpy as np

from ngc.ir import Graph, Node, Value, clone, evaluate
from ngc.ir.reference import evaluate_node
from ngc.ir.tensor_type import Quant
from ngc.ir.verify import verify
from ngc.passes import PassContext, PassManager
from ngc.passes.quantize.weights import quantize_weights
from ngc.passes.value_ranges import Quantization, ValueRange

ROUNDINGS = 64 * float(np.finfo(np.float32).eps)
"""What the roundings of a node's steps come to, each relative to the largest number that meets it."""


def measured(graph: Graph, feeds: dict[str, np.ndarray]) -> dict[str, ValueRange]:
    """Returns the ranges of all values of rank 2 and more that are no constants."""
    ranges: dict[str, ValueRange] = {}

    def observe(value: Value, array: np.ndarray) -> None:
        if array.ndim >= 2 and not value.is_const and array.size:
            ranges[value.name] = ValueRange(min(0.0, float(array.min())), max(0.0, float(array.max())))

    evaluate(graph, feeds, observe=observe)
    return ranges


def quantize(graph: Graph, feeds: dict[str, np.ndarray], **options: object) -> Graph:
    """Returns a quantized clone, verified."""
    result = clone(graph)
    quantization = Quantization(measured(graph, feeds), **options)  # type: ignore[arg-type]
    PassManager("quantize", verify_each=False).run(result, PassContext(quantization=quantization))
    verify(result)
    return result


def real(array: np.ndarray, quant: Quant | None) -> np.ndarray:
    """Returns what integers stand for, in double precision."""
    if quant is None:
        return array
    scale = np.array(quant.scale, np.float64)
    if quant.axis is not None:
        scale = scale.reshape(-1, *(1,) * (array.ndim - 2))
    return (array.astype(np.float64) - quant.zero_point) * scale


def check_nodes(graph: Graph, quantized: Graph, feeds: dict[str, np.ndarray]) -> int:
    """Asserts that every node gives what its original gives for the real numbers that its operands stand for, up to rounding; returns how many give u8."""
    seen: dict[str, tuple[np.ndarray, Value]] = {}
    evaluate(quantized, feeds, observe=lambda value, array: seen.update({value.name: (array, value)}))
    integers = 0
    for node in graph.nodes:
        if node.op == "const":
            continue
        operands = [_operand(node, quantized.find(node.name).producer, position, seen) for position in range(len(node.inputs))]
        for value, wanted in zip(node.outputs, evaluate_node(node, operands), strict=True):
            array, now = seen[value.name]
            quant = now.type.quant
            found = real(array, quant)
            largest = max([float(np.abs(wanted).max(initial=0)), *(float(np.abs(operand).max(initial=0)) for operand in operands)])
            tolerance = ROUNDINGS * (largest + 1)
            if quant is not None:
                integers += 1
                low, high = (real(np.full(found.shape, bound), quant) for bound in (0, 255))
                wanted = np.clip(wanted, low, high)
                tolerance = tolerance + 0.5 * max(quant.scale)
            assert np.abs(found - wanted).max(initial=0) <= tolerance, f"%{value.name}"
    return integers


def _operand(node: Node, now: Node | None, position: int, seen: dict[str, tuple[np.ndarray, Value]]) -> np.ndarray:
    """Returns an operand of a node as the real numbers that it stands for where the quantized node reads it."""
    assert now is not None
    value, read = node.inputs[position], {operand.name for operand in now.inputs}
    if value.is_const:
        if f"{value.name}_int8" not in read or position != 1:
            return value.array
        weights = quantize_weights(value.array, node.attrs.get("groups", 1), None)
        return (weights.integers * weights.scales.reshape(-1, *(1,) * (value.array.ndim - 1))).astype(np.float32)
    name = next(name for name in (f"{value.name}.u8", f"{value.name}.f32", value.name) if name in read)
    array, found = seen[name]
    return real(array, found.type.quant).astype(np.float32)
