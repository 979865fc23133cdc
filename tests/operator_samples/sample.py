"""What a sample is, for each of the tests that go through them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ngc.errors import VerifyError
from ngc.ir import Graph, GraphBuilder, Shape, Value
from ngc.ir.tensor_type import DTYPES

OnnxSample = Callable[[GraphBuilder], Value]
"""Appends one node of an operator, with the types that it usually has."""

StableHloSample = tuple[str, Sequence[tuple[tuple[int, ...], str]], dict[str, Any]]
"""(operator, types of the operands, attributes)."""

ALL = (*DTYPES, "bf16")
"""Every element type."""

@dataclass(frozen=True)
class Sample:
    """One use of an operator: the shapes of its operands, of which the last `constants` are constants, and its attributes.

    Operands are of the element type that the sample is asked for but those with a type of their `own`, or with data (`given`), which are constants.
    """

    op: str
    shapes: Sequence[Shape]
    attrs: dict[str, Any] = field(default_factory=dict)
    constants: int = 0
    dtypes: tuple[str, ...] = ALL
    own: Mapping[int, str] = field(default_factory=dict)
    given: Mapping[int, np.ndarray] = field(default_factory=dict)

    def append(self, builder: GraphBuilder, dtype: str, name: str = "node") -> Value:
        """Appends the operator, with inputs and constants of its own, to a graph; its result is named so.

        Raises:
            VerifyError: the IR does not have it in this element type.
        """
        rng = np.random.default_rng(0)
        operands = []
        for number, shape in enumerate(self.shapes):
            if number in self.given:
                operands.append(builder.const(f"{name}.w{number}", self.given[number]))
                continue
            if number in self.own:
                operands.append(builder.input(f"{name}.x{number}", shape, self.own[number]))
                continue
            if number >= len(self.shapes) - self.constants:
                fixed = tuple(int(dim) for dim in shape)  # type: ignore[arg-type]  # constants do not depend on N
                value = builder.const(f"{name}.w{number}", rng.uniform(0.5, 2, fixed).astype(DTYPES.get(dtype, np.dtype(np.float32))))
            else:
                value = builder.input(f"{name}.x{number}", shape, "f32" if dtype == "bf16" else dtype)
            operands.append(builder.op("cast", value, dtype="bf16") if dtype == "bf16" else value)
        return builder.op(self.op, *operands, name=name, **self.attrs)

    def graph(self, dtype: str) -> Graph | None:
        """Returns the graph of the operator alone in an element type; None where the IR does not have it."""
        builder = GraphBuilder(self.op)
        try:
            return finished(builder, [self.append(builder, dtype)])
        except VerifyError:
            return None


def finished(builder: GraphBuilder, results: Sequence[Value]) -> Graph:
    """Returns the graph of some results; those of bf16 as f32, which numpy holds."""
    graph = builder.finish([builder.op("cast", value, dtype="f32") if value.type.dtype == "bf16" else value for value in results])
    graph.stage = next(stage for stage in ("canonical", "imported", "fused") if all(stage in node.definition.stages for node in graph))
    return graph
