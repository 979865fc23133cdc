"""The inputs and outputs of what was compiled."""

from collections.abc import Iterable
from dataclasses import dataclass

from ngc.ir import Graph, Shape, Value


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: name, shape (a dimension may be a multiple of N), IR dtype."""

    name: str
    shape: Shape
    dtype: str


def graph_specs(graph: Graph) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Returns a graph's inputs and outputs under their public names."""
    return _specs(graph.input_names, graph.inputs), _specs(graph.output_names, graph.outputs)


def _specs(names: Iterable[str], values: Iterable[Value]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, value.type.shape, value.type.dtype) for name, value in zip(names, values, strict=True))
