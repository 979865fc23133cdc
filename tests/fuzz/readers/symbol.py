"""Symbols: `load_symbol`, then the import with small parameters and shapes. Mutations change the JSON tree, or put in an operator of the importer's table."""

import random
from typing import Any

import numpy as np

from ngc.errors import ImportFailure, InputError, UnsupportedOperator
from ngc.importer import SymbolGraph, load_symbol
from ngc.importer.attributes import ATTRIBUTE_REQUIRED, DTYPE_BY_NAME, Field
from ngc.importer.build import build_graph
from ngc.importer.operator_names import ENGINE_OPERATORS
from ngc.importer.operators import OPERATORS
from ngc.importer.sources import ModelSource
from tests.fuzz.mutation import json_trees, values
from tests.fuzz.reader import Reader
from tests.fuzz.readers import graphs

_SHAPES = {"kernel": (4, 3, 3, 3), "dense": (5, 12), "channels": (4,), "vector": (3,), "matrix": (2, 3), "image": (1, 3, 6, 6), "scalar": (1,)}
PARAMETERS = {name: np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape) for name, shape in _SHAPES.items()}
PARAMETERS |= {"bytes": np.arange(12, dtype=np.int8).reshape(4, 3), "indices": np.array([0, 2, 1], np.int64), "low": np.float32([-1]), "high": np.float32([1])}
"""Data of the variables that have these names."""

_SHAPE = (2, 3, 6, 6)
"""Of the variables that neither are parameters nor state one."""

_OPERATORS = sorted(OPERATORS)


def read(data: bytes) -> None:
    """Imports a symbol and uses the graph."""
    symbol = load_symbol(data)
    engines = {ENGINE_OPERATORS[node.op] for node in symbol.nodes if node.op in ENGINE_OPERATORS}
    for keep in (None, *sorted(engines)):
        graphs.use(build_graph(ModelSource(symbol, PARAMETERS), _shapes(symbol), keep=keep), len(data))


def _shapes(symbol: SymbolGraph) -> dict[str, tuple[int, ...]]:
    return {node.name: _SHAPE for node in symbol.nodes if node.is_variable and node.name not in PARAMETERS and "__shape__" not in node.hidden}


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns a symbol with another operator in it, or with a changed tree."""
    if rng.random() < 0.6:
        return json_trees.mutate(data, most, rng)
    document = json_trees.parse(data)
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or not nodes:
        return json_trees.mutate(data, most, rng)
    at = rng.randrange(len(nodes)) if rng.random() < 0.3 else len(nodes)
    nodes[at:at + 1] = [_node(at, rng)]
    document["heads"] = [[at, values.integer(rng) if rng.random() < 0.1 else rng.choice((0, 0, 0, 1)), 0]]
    if rng.random() < 0.3:
        document = json_trees.change(document, rng)
    return json_trees.dump(document)[:most]


def _node(position: int, rng: random.Random) -> dict[str, Any]:
    """Returns a node of any operator, with as many inputs as it takes and parameters of its schema."""
    name = rng.choice(_OPERATORS)
    operator = OPERATORS[name]
    most = operator.most_inputs if operator.most_inputs is not None else operator.least_inputs + 3
    count = rng.randint(operator.least_inputs, max(operator.least_inputs, most)) if position else 0
    attrs = {key: _parameter(field, rng) for key, field in (operator.schema or {}).items() if field.default is ATTRIBUTE_REQUIRED or rng.random() < 0.4}
    inputs = [[rng.randrange(position), 0 if rng.random() < 0.95 else 1, 0] for _ in range(count)]
    return {"op": name, "name": f"{name}{position}", "attrs": attrs, "inputs": inputs}


def _parameter(field: Field, rng: random.Random) -> str:
    """Returns a text of a parameter's kind, now and then of another."""
    if rng.random() < 0.03:
        return rng.choice(values.TEXTS)
    if field.optional and rng.random() < 0.2:
        return "None"
    if field.values:
        return rng.choice(field.values)
    match field.kind:
        case "bool":
            return rng.choice(("True", "False"))
        case "dtype":
            return rng.choice(tuple(DTYPE_BY_NAME))
        case "float" | "double":
            return str(values.number(rng))
        case "int" | "long":
            return str(values.integer(rng))
    same = rng.random() < 0.3
    first = values.integer(rng)
    parts = [str(first if same else values.integer(rng)) if rng.random() < 0.95 else "None" for _ in range(rng.randrange(6))]
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


READER = Reader(read, mutate, (ImportFailure, UnsupportedOperator, InputError), most=5000)
