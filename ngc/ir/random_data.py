"""Seeded random data: stand-ins for constants whose data is not at hand, and inputs, so that graphs from text alone can be evaluated."""

import hashlib
from math import prod

import numpy as np

from ngc.ir.graph import Graph, Value
from ngc.ir.tensor_type import DTYPES, bind_shape
from ngc.ir.weight import Weight


def fill_missing_weights(graph: Graph, seed: int = 0) -> int:
    """Gives every constant without data random data of its type and returns how many there were.

    The data depends on the seed and the constant's name only. It is scaled so that values stay of order one through deep networks; variances
    and scales of batch normalization are positive.
    """
    count = 0
    for node in (node for part in graph.with_regions() for node in part.nodes):
        if node.weight is not None and node.weight.array is None:
            node.weight = Weight(node.weight.name, _random(node.output, node.weight.name, seed))
            count += 1
    return count


def random_feeds(graph: Graph, seed: int = 0, batch: int = 2) -> dict[str, np.ndarray]:
    """Returns random data for every input by name, N bound to `batch`."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for value, name in zip(graph.inputs, graph.input_names, strict=True):
        shape, dtype = bind_shape(value.type.shape, batch), DTYPES.get(value.type.dtype, np.dtype(np.float32))
        feeds[name] = (rng.standard_normal(shape) if dtype.kind == "f" else rng.integers(0, 2, shape)).astype(dtype)
    return feeds


def _random(value: Value, name: str, seed: int) -> np.ndarray:
    state = hashlib.blake2b(f"{seed} {name}".encode("utf-8", "backslashreplace"), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(state, "little"))
    shape, dtype = bind_shape(value.type.shape, 1), DTYPES.get(value.type.dtype, np.dtype(np.float32))
    if dtype.kind != "f":
        return rng.integers(0, 2, shape).astype(dtype)
    roles = {use.node.definition.operands[use.operand] for use in value.uses if use.operand < len(use.node.definition.operands)}
    if roles & {"var", "gamma"}:
        data = rng.uniform(0.5, 1.5, shape)
    elif len(shape) >= 2:
        data = rng.standard_normal(shape) * np.sqrt(2 / max(prod(shape[1:]), 1))
    else:
        data = rng.uniform(-0.5, 0.5, shape)
    return np.asarray(data).astype(dtype)
