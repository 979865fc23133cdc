"""Grows a graph node by node: what the importer, the parser and tests use. Types are inferred, never passed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ngc.errors import VerifyError
from ngc.ir.graph import Graph, Node, Value
from ngc.ir.loc import Loc
from ngc.ir.opdef import opdef
from ngc.ir.tensor_type import DTYPE_NAMES, Shape, TensorType, check_size
from ngc.ir.weight import Weight


def make_node(graph: Graph, op: str, inputs: Sequence[Value], attrs: Mapping[str, Any], locs: tuple[Loc, ...], name: str,
              types: Sequence[TensorType] | None = None, regions: tuple[Graph, ...] = (), result_names: Sequence[str] = ()) -> Node:
    """Returns a node with checked attributes and inferred result types, named but not yet placed in the graph.

    `types` replaces the inferred types where they say more (layouts, quantization); shapes and dtypes must agree. Results are named after
    `name`, or as `result_names` says.
    """
    definition = opdef(op)
    checked = definition.check_attrs(attrs)
    inferred = definition.infer_types([value.type for value in inputs], checked, regions)
    for type in inferred:
        check_size(type)
    if types is not None and [(type.shape, type.dtype) for type in types] != [(type.shape, type.dtype) for type in inferred]:
        raise VerifyError(f"{op} gives {', '.join(map(str, inferred))}, not {', '.join(map(str, types))}")
    node = Node(op, tuple(inputs), checked, locs, regions=regions)
    node.outputs = tuple(Value(graph._fresh(result_names[index] if index < len(result_names) else name), type, node, index)
                         for index, type in enumerate(inferred if types is None else types))
    return node


def make_const(graph: Graph, weight: Weight, type: TensorType, name: str, locs: tuple[Loc, ...] = ()) -> Node:
    """Returns a `const` node, named but not yet placed in the graph."""
    node = Node("const", (), {"name": weight.name}, locs, weight)
    node.outputs = (Value(graph._fresh(name), type, node, 0),)
    return node


class GraphBuilder:
    """Appends inputs, constants and nodes to a new graph; `finish` sets its outputs."""

    def __init__(self, name: str = "graph") -> None:
        self.graph = Graph(name)

    def input(self, name: str, shape: Shape, dtype: str = "f32") -> Value:
        """Adds a graph input; VerifyError for one that is too large."""
        type = TensorType(tuple(shape), dtype)
        check_size(type)
        return self.graph._add_input(name, type)

    def const(self, name: str, array: np.ndarray, loc: Loc | None = None) -> Value:
        """Adds a constant; VerifyError for dtypes that the IR does not have."""
        dtype = DTYPE_NAMES.get(array.dtype)
        if dtype is None:
            raise VerifyError(f"constant {name} has dtype {array.dtype}; accepted: {', '.join(str(known) for known in DTYPE_NAMES)}")
        weight = Weight(name, array)
        node = make_const(self.graph, weight, TensorType(array.shape, dtype), name, (loc,) if loc else ())
        self.graph._append(node)
        return node.output

    def op(self, op: str, *inputs: Value, name: str = "", loc: Loc | None = None, **attrs: Any) -> Value:
        """Appends a node and returns its first result; its other results are `.producer.outputs`."""
        node = make_node(self.graph, op, inputs, attrs, (loc,) if loc else (), name or op)
        self.graph._append(node)
        self.graph._link(node)
        return node.output

    def region_op(self, op: str, inputs: Sequence[Value], regions: Sequence[Graph], name: str, loc: Loc | None = None, **attrs: Any) -> tuple[Value, ...]:
        """Appends a node that holds graphs, and returns its results."""
        node = make_node(self.graph, op, inputs, attrs, (loc,) if loc else (), name, regions=tuple(regions))
        self.graph._append(node)
        self.graph._link(node)
        return node.outputs

    def finish(self, outputs: Sequence[Value], names: Sequence[str] | None = None) -> Graph:
        """Sets the outputs, with the public names they are returned under, and returns the graph."""
        self.graph.outputs = tuple(outputs)
        self.graph.output_names = tuple(names) if names is not None else tuple(value.name for value in outputs)
        return self.graph
