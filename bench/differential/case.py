"""What is drawn: calls of MXNet operators as plain data, from which the symbol's JSON, the arrays and a runnable snippet follow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_IMPORTS = "from bench.differential.case import Call, Case, Input, Tolerance\nfrom bench.differential.judge import explain"
_SPECIAL = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, float("inf"), float("-inf"), float("nan"))


@dataclass(frozen=True)
class Input:
    """A variable of the symbol.

    Attributes:
        values: "uniform" in [low, high), "integers" in [low, high], "distinct" for low, low + 1, ... in random order, "special" for uniform numbers with
            halves, zeros of both signs, infinities and NaN among them, or "nan" for NaN alone. Integer types take whole numbers whatever is said.
        param: whether ngc knows the values when it compiles.
        batched: whether the first dimension is the batch, where the case has one.
        label: whether ngc does without it: the label of a training loss.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    values: str = "uniform"
    low: float = -2.0
    high: float = 2.0
    param: bool = False
    batched: bool = False
    label: bool = False

    def array(self, rng: np.random.Generator) -> Array:
        """Returns the values, which depend on the generator alone."""
        if self.values == "distinct":
            count = int(np.prod(self.shape))
            return (rng.permutation(count) + self.low).reshape(self.shape).astype(self.dtype)
        if self.values == "integers" or np.dtype(self.dtype).kind in "iub":
            low = max(self.low, 0) if np.dtype(self.dtype).kind in "ub" else self.low
            return rng.integers(int(low), max(int(low), int(self.high)), self.shape, endpoint=True).astype(self.dtype)
        if self.values == "nan":
            return np.full(self.shape, np.nan, self.dtype)
        array = rng.uniform(self.low, self.high, self.shape)
        if self.values == "special":
            array = np.where(rng.random(self.shape) < 0.5, rng.choice(_SPECIAL, self.shape), array)
        return array.astype(self.dtype)


@dataclass(frozen=True)
class Call:
    """A node: an operator, its attributes as MXNet writes them, and what it reads: names of variables, or `name:index` of an earlier call's output."""

    op: str
    name: str
    inputs: tuple[str, ...]
    attrs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Tolerance:
    """How far two results may be from each other: `eps * (units * |expected| + sqrt(terms) * magnitude)`, eps being the rounding of the coarsest type met.

    A sum of n rounded terms errs by at most `n * eps / 2 * sum(|terms|)`, and typically by the root of that n; `magnitude` bounds `sum(|terms|)`.

    Attributes:
        units: roundings of the result itself, each of which counts twice: once for each of the two.
        terms: how many terms the longest sum has.
        magnitude: the largest sum of absolute terms.
        dtype: the type that eps is of, where intermediate results are coarser than what is returned.
    """

    units: float = 4.0
    terms: float = 1.0
    magnitude: float = 0.0
    dtype: str | None = None


@dataclass(frozen=True)
class Case:
    """Calls of operators with their variables.

    Attributes:
        heads: what is returned, as `name:index`.
        seed: of the generator that fills the variables.
        batch: whether ngc compiles for any batch N, the first dimension of what is batched.
        target: the CPU target that the compiled program is for as well; None for the reference evaluator alone.
    """

    calls: tuple[Call, ...]
    inputs: tuple[Input, ...]
    heads: tuple[str, ...]
    tolerance: Tolerance = Tolerance()
    seed: int = 0
    batch: bool = False
    target: str | None = None

    def arrays(self) -> dict[str, Array]:
        """Returns the values of every variable by name."""
        rng = np.random.default_rng(self.seed)
        return {item.name: item.array(rng) for item in self.inputs}

    @property
    def numpy(self) -> bool:
        """Whether MXNet's numpy rules hold, under which arrays may have no dimensions and no elements."""
        return any(call.op.startswith("_np") for call in self.calls)

    def symbol(self) -> dict[str, Any]:
        """Returns the symbol as MXNet's JSON says it."""
        nodes: list[dict[str, Any]] = [{"op": "null", "name": item.name, "inputs": []} for item in self.inputs]
        index = {item.name: (position, 0) for position, item in enumerate(self.inputs)}

        def entry(reference: str) -> list[int]:
            name, _, output = reference.partition(":")
            return [index[name][0], int(output or 0), 0]

        for call in self.calls:
            node: dict[str, Any] = {"op": call.op, "name": call.name, "inputs": [entry(reference) for reference in call.inputs]}
            if call.attrs:
                node["attrs"] = dict(call.attrs)
            index[call.name] = (len(nodes), 0)
            nodes.append(node)
        return {
            "nodes": nodes,
            "arg_nodes": [position for position, node in enumerate(nodes) if node["op"] == "null"],
            "node_row_ptr": list(range(len(nodes) + 1)),
            "heads": [entry(head) for head in self.heads],
            "attrs": {"mxnet_version": ["int", 10901], **({"is_np_shape": ["int", 1]} if self.numpy else {})},
        }

    def text(self) -> str:
        """Returns the symbol as JSON."""
        return json.dumps(self.symbol())

    def summary(self) -> str:
        """Returns the calls in one line, such as `Pooling(data float32[1,1,3], kernel=(2,))`."""
        types = {item.name: f"{item.name} {item.dtype}[{','.join(map(str, item.shape))}]" for item in self.inputs}
        parts = []
        for call in self.calls:
            arguments = [types.get(reference, reference) for reference in call.inputs]
            parts.append(f"{call.op}({', '.join([*arguments, *(f'{key}={value}' for key, value in call.attrs)])})")
        return "; ".join(parts)

    def snippet(self) -> str:
        """Returns a Python program that runs this case and prints what both make of it."""
        return f"{_IMPORTS}\n\nexplain(\n    {_short(self)}\n)"


def _short(value: Any) -> str:
    """Returns the text of a dataclass, and of tuples of them, without fields that have their defaults."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))}{',' if len(value) == 1 else ''})"
    if not hasattr(value, "__dataclass_fields__"):
        return repr(value)
    fields: Mapping[str, Any] = value.__dataclass_fields__
    given = [f"{name}={_short(getattr(value, name))}" for name, field in fields.items() if getattr(value, name) != field.default]
    return f"{type(value).__name__}({', '.join(given)})"
