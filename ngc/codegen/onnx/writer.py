"""The ONNX graph while it is written: tensors, operations and constants, without the `onnx` package, which only `emit` needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ngc.errors import CodegenError
from ngc.ir import Graph, Node, Shape, SymDim, TensorType, Value
from ngc.ir.tensor_type import DTYPES

COMPUTED_IN = {"bf16": "f32", "i8": "i32", "u8": "i32", "bool": "i32"}
"""What ONNX computes in where it has no arithmetic of a type; results wrap or are rounded when they are cast back, as the IR has it."""


@dataclass(eq=False)
class Tensor:
    """A tensor of the ONNX graph; its name may change until the graph is finished."""

    name: str
    dtype: str


@dataclass(eq=False)
class Operation:
    """An operator of ONNX with its operands, None where an optional one is left out; `sources` are the MXNet nodes that it comes from."""

    kind: str
    inputs: tuple[Tensor | None, ...]
    output: Tensor
    attrs: dict[str, Any]
    name: str = ""
    sources: str = ""
    further: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Subgraph:
    """A graph that is an operator's attribute. It sees the tensors of the graphs around it, whose names are none of its own.

    Attributes:
        name: of the graph.
        operations: in topological order.
        inputs: what its operator gives it, each with its type.
        outputs: what it returns, each made by one of its operations.
    """

    name: str
    operations: Sequence[Operation]
    inputs: Sequence[tuple[Tensor, TensorType]]
    outputs: Sequence[tuple[Tensor, TensorType]]


Handler = Callable[["OnnxWriter", Node], Tensor | Sequence[Tensor]]
"""Adds a node's operations and returns its result, or all of them in order."""


@dataclass
class OnnxWriter:
    """Grows an ONNX graph node by node of an IR graph.

    Attributes:
        operations: in topological order.
        constants: initializers with their data; bf16 is held as f32.
        opset: the version of the operator set, for what versions spell differently.
    """

    graph: Graph
    operations: list[Operation] = field(default_factory=list)
    constants: dict[Tensor, np.ndarray] = field(default_factory=dict)
    opset: int = 18

    def __post_init__(self) -> None:
        inputs = dict(zip(self.graph.inputs, self.graph.input_names, strict=True))
        returned = [name for value, name in zip(self.graph.outputs, self.graph.output_names, strict=True) if inputs.get(value) != name]
        public = [*self.graph.input_names, *returned]  # an input that is returned as it is has its name once
        repeated = sorted({name for name in public if public.count(name) > 1})
        if repeated:
            raise CodegenError(f"ONNX tells inputs and outputs apart by their names, and {', '.join(map(repr, repeated))} names several")
        self._taken = set(public)
        self._tensors: dict[Value, Tensor] = {}
        self._names: dict[Value, str] = dict(inputs)
        for value, name in zip(self.graph.outputs, self.graph.output_names, strict=True):
            if not value.is_const:
                self._names.setdefault(value, name)
        for value in self.graph.values():
            if value not in self._names:
                self._names[value] = self._fresh(value.name)
        self._shared: dict[Any, Tensor] = {}
        self._prefix = self.graph.name
        self._bound: set[Tensor] = set()
        self._operation_names: set[str] = set()
        for value in self.graph.inputs:
            self._bind(value, Tensor(self._names[value], value.type.dtype))

    # -- operations -----------------------------------------------------------------------------------------------

    def apply(self, kind: str, *inputs: Tensor | None, dtype: str = "", **attrs: Any) -> Tensor:
        """Adds an operation and returns its result, of the first operand's element type unless `dtype` says another."""
        first = inputs[0]
        assert first is not None
        output = Tensor(self._fresh(f"{self._prefix}.{kind}"), dtype or first.dtype)
        self.operations.append(Operation(kind, inputs, output, attrs))
        return output

    def apply_many(self, kind: str, *inputs: Tensor | None, dtypes: Sequence[str], **attrs: Any) -> list[Tensor]:
        """Adds an operation of several results, of the given element types, and returns them."""
        first, *further = (Tensor(self._fresh(f"{self._prefix}.{kind}"), dtype) for dtype in dtypes)
        self.operations.append(Operation(kind, inputs, first, attrs, further=tuple(further)))
        return [first, *further]

    def cast(self, tensor: Tensor, dtype: str) -> Tensor:
        """Returns a tensor in another element type, converted once however often it is asked for."""
        if tensor.dtype == dtype:
            return tensor
        key = ("cast", tensor, dtype)
        if key not in self._shared:
            self._shared[key] = self.apply("Cast", tensor, dtype=dtype, to=dtype)
        return self._shared[key]

    def reshape(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """Returns a tensor under another shape; -1 stands for what is left."""
        return self.apply("Reshape", tensor, self.integers(shape))

    # -- constants ------------------------------------------------------------------------------------------------

    def constant(self, array: np.ndarray, name: str, dtype: str) -> Tensor:
        """Adds an initializer under a name, or one like it."""
        tensor = Tensor(self._fresh(name), dtype)
        self.constants[tensor] = array
        return tensor

    def number(self, value: float, dtype: str) -> Tensor:
        """Returns a constant of no dimensions, one for all who need the number."""
        with np.errstate(over="ignore"):  # past the range of f16 is infinity
            return self._share(np.array(value).astype(DTYPES.get(dtype, np.dtype(np.float32))), dtype)

    def vector(self, values: Iterable[float], dtype: str) -> Tensor:
        """Returns a constant of one dimension, one for all who need the numbers."""
        return self._share(np.array(tuple(values), DTYPES[dtype]), dtype)

    def integers(self, values: Iterable[int]) -> Tensor:
        """Returns a constant i64 vector such as a shape."""
        return self.vector(values, "i64")

    def _share(self, array: np.ndarray, dtype: str) -> Tensor:
        key = (dtype, array.shape, array.tobytes())
        if key not in self._shared:
            self._shared[key] = self.constant(array, "const", dtype)
        return self._shared[key]

    # -- values of the IR -----------------------------------------------------------------------------------------

    def operand(self, value: Value, dtype: str = "") -> Tensor:
        """Returns the tensor of a value, in its own element type or another."""
        if value not in self._tensors:
            assert value.is_const
            tensor = Tensor(self._names[value], value.type.dtype)
            self.constants[tensor] = value.array
            self._tensors[value] = tensor
        return self.cast(self._tensors[value], dtype or value.type.dtype)

    def computed(self, value: Value) -> Tensor:
        """Returns the tensor of a value in the type that ONNX computes in."""
        return self.operand(value, COMPUTED_IN.get(value.type.dtype, value.type.dtype))

    def arranged(self, value: Value, shape: Sequence[int], dtype: str) -> Tensor:
        """Returns a value under another shape: a constant's data is arranged here, once, other values by the engine."""
        if not value.is_const:
            return self.reshape(self.operand(value, dtype), shape)
        if tuple(shape) == value.type.shape:
            return self.operand(value, dtype)
        key = ("arranged", value, tuple(shape))
        if key not in self._shared:
            self._shared[key] = self.constant(value.array.reshape(shape), f"{value.name}.arranged", value.type.dtype)
        return self.cast(self._shared[key], dtype)

    def transposed(self, value: Value, dtype: str) -> Tensor:
        """Returns the transpose of a matrix: of a constant as another constant."""
        if not value.is_const:
            return self.apply("Transpose", self.operand(value, dtype), perm=[1, 0])
        key = ("transposed", value)
        if key not in self._shared:
            self._shared[key] = self.constant(np.ascontiguousarray(value.array.T), f"{value.name}.transposed", value.type.dtype)
        return self.cast(self._shared[key], dtype)

    # -- regions --------------------------------------------------------------------------------------------------

    def fresh_tensor(self, name: str, dtype: str) -> Tensor:
        """Returns a tensor of a name that no other has."""
        return Tensor(self._fresh(name), dtype)

    @contextmanager
    def inside(self) -> Iterator[list[Operation]]:
        """Lets operations be added to a list of their own, which is yielded: those of a subgraph. What they make is known inside only; constants are not."""
        outer, shared, prefix = self.operations, dict(self._shared), self._prefix
        self.operations = []
        yield self.operations
        constants = {key: tensor for key, tensor in self._shared.items() if tensor in self.constants}
        self.operations, self._shared, self._prefix = outer, {**constants, **shared}, prefix

    def region(self, region: Graph, inputs: Sequence[Tensor], table: Mapping[str, Handler]) -> list[Tensor]:
        """Adds the operations of a region's nodes, tensors for its inputs; returns the tensors of its outputs."""
        for value in region.values():
            self._names[value] = self._fresh(value.name)
        for value, tensor in zip(region.inputs, inputs, strict=True):
            self._tensors[value] = tensor
        for node in region.nodes:
            if node.op != "const":
                self.add(node, table[node.op])
        return [self.operand(value) for value in region.outputs]

    # -- the graph ------------------------------------------------------------------------------------------------

    def add(self, node: Node, handler: Handler) -> None:
        """Adds a node's operations, and gives them and its results their names."""
        begin, self._prefix = len(self.operations), node.name
        results = handler(self, node)
        for value, tensor in zip(node.outputs, [results] if isinstance(results, Tensor) else results, strict=True):
            self._bind(value, self.cast(tensor, value.type.dtype))
        sources = ", ".join(loc.name for loc in node.locs)
        for operation in self.operations[begin:]:
            last = operation is self.operations[-1]
            operation.name, operation.sources = self._operation_name(node.name if last else f"{node.name}/{operation.kind}"), sources

    def finish(self) -> None:
        """Lets the graph return what the IR graph does: an input, a constant or a value under a second name through an Identity."""
        for value, name in zip(self.graph.outputs, self.graph.output_names, strict=True):
            tensor = self.operand(value)
            if tensor.name != name:
                self.operations.append(Operation("Identity", (tensor,), Tensor(name, tensor.dtype), {}, self._operation_name(f"{name}/Identity")))

    def inner_values(self) -> list[tuple[Value, str]]:
        """Returns the values that are neither inputs, constants nor outputs, with their names."""
        returned = set(self.graph.output_names)
        return [(value, tensor.name) for value, tensor in self._tensors.items()
                if value.producer is not None and not value.is_const and tensor.name not in returned]

    def _bind(self, value: Value, tensor: Tensor) -> None:
        if tensor in self._bound or tensor in self.constants:
            tensor = self.apply("Identity", tensor)
        tensor.name = self._names[value]
        self._bound.add(tensor)
        self._tensors[value] = tensor

    def _fresh(self, wanted: str) -> str:
        return _free(wanted, self._taken)

    def _operation_name(self, wanted: str) -> str:
        return _free(wanted, self._operation_names)


def static_shape(shape: Shape) -> list[int]:
    """Returns a shape with -1 for the dimension that depends on N, of which a tensor has one at most."""
    return [-1 if isinstance(dim, SymDim) else dim for dim in shape]


def _free(wanted: str, taken: set[str]) -> str:
    """Returns a name that is free, numbered where the wanted one is not, and takes it."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name
