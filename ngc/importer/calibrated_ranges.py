"""The numbers of MXNet's quantizer: calibrated ranges, what operators make of them, and weights stored in integers."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ngc.errors import ImportFailure
from ngc.importer.attributes import MalformedValue, parse_float, parse_optional
from ngc.importer.source_bytes import Array
from ngc.importer.sources import ModelSource
from ngc.importer.symbol import SymbolNode

Range = tuple[float, float]

_LEVELS = {np.dtype(np.int8): 127, np.dtype(np.uint8): 255}  # what MXNet's layers take the largest magnitude of a weight to be


def range_of(node: SymbolNode, source: str) -> Range | None:
    """Returns the calibrated range that a node states; None where MXNet measures while it runs.

    Raises:
        ImportFailure: one limit is missing, no finite number, or the smallest exceeds the largest.
    """
    limits: list[float | None] = []
    for key in ("min_calib_range", "max_calib_range"):
        try:
            limits.append(parse_optional(node.attrs.get(key, "None"), parse_float))
        except MalformedValue as error:
            raise ImportFailure(f"{source}: {node}: {key} = {node.attrs[key][:120]!r}: {error}") from error
    low, high = limits
    if low is None and high is None:
        return None
    if low is None or high is None or not _is_range(low, high):
        raise ImportFailure(f"{source}: {node}: calibrated range from {low} to {high}; expected two finite numbers, the smallest first")
    return low, high


def through(node: SymbolNode, operands: Sequence[Range | None]) -> Range | None:
    """Returns the range of what comes out of an operator that keeps its operands' scale; None where one of them has none."""
    known = [found for found in operands if found is not None]
    if len(known) < len(operands):
        return None
    low, high = min(found[0] for found in known), max(found[1] for found in known)
    return (max(low, 0.0), max(high, 0.0)) if node.attrs.get("act_type") == "relu" else (low, high)


def union(one: Range, other: Range) -> Range:
    """Returns the range that holds both."""
    return min(one[0], other[0]), max(one[1], other[1])


def real_weights(node: SymbolNode, stored: Array, params: Mapping[str, Array], source: ModelSource) -> Array:
    """Returns the real numbers, in f32, behind a weight or bias that is stored in integers with its smallest and largest value.

    Raises:
        ImportFailure: a limit is missing or damaged, or the weight is not of integers.
    """
    limits = []
    for key in (f"{node.name}_min", f"{node.name}_max"):
        array = params.get(key)
        if array is None:
            raise ImportFailure(f"{source.symbol.source}: {node}: parameter {key!r} is missing ({source.params_name}), without which integers mean nothing")
        if array.size != 1:
            raise ImportFailure(f"{source.params_name}: parameter {key!r} has shape {array.shape}, expected one number")
        limits.append(float(array.reshape(-1)[0]))
    if not _is_range(*limits):
        raise ImportFailure(f"{source.params_name}: range of {node.name!r} from {limits[0]} to {limits[1]}; expected two finite numbers, the smallest first")
    levels = _LEVELS.get(stored.dtype)
    if levels is None:
        raise ImportFailure(f"{source.params_name}: parameter {node.name!r} has dtype {stored.dtype}, expected int8 or uint8")
    return stored.astype(np.float32) * np.float32(max(map(abs, limits)) / levels)


def _is_range(low: float, high: float) -> bool:
    return math.isfinite(low) and math.isfinite(high) and low <= high
