"""What the operator families share: the record of an MXNet operator, and a converter's view of one node."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol

from ngc.errors import ImportFailure, VerifyError, shorten
from ngc.importer.attributes import Attributes, Field, Schema
from ngc.importer.source_bytes import Array
from ngc.importer.symbol import SymbolGraph, SymbolNode
from ngc.ir import Dim, Graph, GraphBuilder, Loc, Shape, SymDim, TensorType, Value
from ngc.ir.tensor_type import FLOATS, format_shape

MAX_OUTPUTS = 1 << 16
"""More outputs than any model has of one node: a damaged number must not make names by the billion."""

_MOST_MESSAGE = 2000
"""Characters: messages show attributes, which may be megabytes long."""

MAX_GENERATED = 1 << 24
"""Elements of a constant that a converter makes of attributes: as many as the anchors of a 1024 x 1024 map of features with four boxes at each pixel."""

MAX_GENERATED_TOGETHER = 1 << 26
"""Elements of all such constants of a model: a damaged file could ask for one any number of times."""

NUM_ARGS: Mapping[str, Field] = {"num_args": Field("int", 0, high=MAX_OUTPUTS)}


Bound = int | None
Bounds = tuple[Bound, Bound, Bound]
"""Where a slice of an axis begins, where it ends before, and its step."""


@dataclass(frozen=True)
class RegionInput:
    """An input of a region: its type, and the variables of a subgraph that it feeds; none where the subgraph does not look at it."""

    type: TensorType
    variables: tuple[int, ...]
    name: str


class SubgraphImporter(Protocol):
    """What converts the subgraphs of a node."""

    @property
    def np_shape(self) -> bool:
        """Whether the node's symbol has tensors without dimensions, as numpy has."""

    def region(self, inner: SymbolGraph, name: str, inputs: Sequence[RegionInput], constants: Mapping[int, Array], heads: Sequence[int]) -> Graph:
        """Returns a subgraph as a graph of its own.

        Args:
            inner: the subgraph.
            name: of the graph.
            inputs: of the graph, in order.
            constants: the data of its other variables.
            heads: which heads it returns, in order.
        """

    def inline(self, inner: SymbolGraph, values: Mapping[int, Value]) -> list[Value]:
        """Converts a subgraph where its node stands, for the values of its variables; returns its heads."""


@dataclass
class GeneratedBudget:
    """How many elements of constants the converters of one model may still make."""

    left: int = MAX_GENERATED_TOGETHER


@dataclass
class Conversion:
    """One node on its way into the IR: its typed attributes, its operands, and the graph that grows.

    `needed` holds the outputs that anything reads; converters of many outputs may leave out the others.
    """

    builder: GraphBuilder
    node: SymbolNode
    source: str
    attrs: Attributes
    inputs: tuple[Value, ...]
    needed: frozenset[int]
    subgraphs: SubgraphImporter
    generated: GeneratedBudget
    loc: Loc = field(init=False)

    def __post_init__(self) -> None:
        self.loc = Loc(self.node.name, self.source, self.node.index)

    @property
    def data(self) -> Value:
        """The first operand."""
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        """The first operand's shape."""
        return self.inputs[0].type.shape

    @property
    def rank(self) -> int:
        """The first operand's rank."""
        return len(self.shape)

    @property
    def np_shape(self) -> bool:
        """Whether the node's symbol has tensors without dimensions, as numpy has; else what would have none has one of size 1."""
        return self.subgraphs.np_shape

    def fail(self, message: str) -> ImportFailure:
        """Returns the error that names this node."""
        return ImportFailure(f"{self.source}: {self.node}: {shorten(message, _MOST_MESSAGE)}")

    def op(self, op: str, *inputs: Value, part: str = "", **attrs: Any) -> Value:
        """Appends an IR node, named after the MXNet node (and `part`, if one of many); returns its result."""
        name = f"{self.node.name}_{part}" if part else self.node.name
        try:
            return self.builder.op(op, *inputs, name=name, loc=self.loc, **attrs)
        except VerifyError as error:
            raise self.fail(str(error)) from error

    def results(self, op: str, *inputs: Value, part: str = "", **attrs: Any) -> list[Value]:
        """Appends an IR node as `op` does; returns all of its results."""
        first = self.op(op, *inputs, part=part, **attrs)
        assert first.producer is not None
        return list(first.producer.outputs)

    def check_generated(self, *sizes: int) -> None:
        """Raises before a converter computes a constant of a shape that its attributes or operands ask for, where that, or all such constants of the model
        together, are larger than any model needs."""
        count = prod(max(size, 1) for size in sizes)  # what an empty array is made of may be large
        self.generated.left -= count
        if count > MAX_GENERATED:
            raise self.fail(f"a constant of shape {format_shape(sizes)} would have {count} elements; at most {MAX_GENERATED} are generated")
        if self.generated.left < 0:
            raise self.fail(f"constants of more than {MAX_GENERATED_TOGETHER} elements are generated for all of the model")

    def region_op(self, op: str, inputs: Sequence[Value], regions: Sequence[Graph], **attrs: Any) -> tuple[Value, ...]:
        """Appends an IR node that holds graphs, and returns its results."""
        try:
            return self.builder.region_op(op, inputs, regions, self.node.name, self.loc, **attrs)
        except VerifyError as error:
            raise self.fail(str(error)) from error

    def const(self, part: str, array: Array) -> Value:
        """Adds a constant that the converter computed, within what `check_generated` allows."""
        return self.builder.const(f"{self.node.name}_{part}", array, self.loc)

    def reshape(self, value: Value, shape: Iterable[Dim], part: str = "") -> Value:
        """Returns the value under another shape; the value itself where an inner step does nothing."""
        target = tuple(shape)
        if part and target == value.type.shape:
            return value
        return self.op("reshape", value, part=part, shape=target)

    def transpose(self, value: Value, axes: Iterable[int], part: str = "") -> Value:
        """Returns the value with axis i taken from axis axes[i]; the value itself where an inner step does nothing."""
        order = tuple(axes)
        if part and order == tuple(range(value.type.rank)):
            return value
        return self.op("transpose", value, part=part, axes=order)

    def cut(self, value: Value, cuts: Mapping[int, Bounds], part: str = "") -> Value:
        """Returns the part of a value that lies within (begin, end, step) on the given axes; the others, and what is None, are whole."""
        bounds = [cuts.get(axis, (None, None, None)) for axis in range(value.type.rank)]
        begin, end, step = (tuple(each[place] for each in bounds) for place in range(3))
        return self.op("slice", value, part=part, begin=begin, end=end, step=tuple(1 if by is None else by for by in step))

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Returns an axis counted from the front; negative ones count from the end."""
        size = self.rank if rank is None else rank
        if not -size <= axis < size:
            raise self.fail(
                f"axis {axis} is outside data of {size} dimensions; expected {-size} to {size - 1}"
            )
        return axis % size

    def axes(self, axes: Iterable[int], rank: int | None = None) -> tuple[int, ...]:
        """Returns axes counted from the front, each of which may be given once."""
        result = tuple(self.axis(axis, rank) for axis in axes)
        if len(set(result)) != len(result):
            raise self.fail(f"axes {result} name an axis twice")
        return result

    def fixed(self, dim: Dim, what: str) -> int:
        """Returns a dimension that must not depend on the batch."""
        if isinstance(dim, SymDim):
            raise self.fail(f"{what} depends on N; compile with a fixed batch instead")
        return dim

    def expect_floats(self, why: str) -> None:
        """Raises unless all operands are floats; `why` says what becomes of others in MXNet."""
        for value in self.inputs:
            if value.type.dtype not in FLOATS:
                raise self.fail(f"data of {value.type.dtype}, expected floats: {why}")

    def expect_shape(self, value: Value, expected: Sequence[Dim], what: str) -> None:
        """Raises unless an operand has the shape that the operator's attributes and data ask for."""
        if value.type.shape != tuple(expected):
            kind = "parameter" if value.is_const else "operand"
            name = (
                value.producer.attrs["name"] if value.producer is not None and value.is_const else value.name
            )
            raise self.fail(
                f"{what} {kind} {name!r} has shape {format_shape(value.type.shape)}, expected {format_shape(expected)}"
            )


Converter = Callable[[Conversion], Sequence[Value | None]]


def _one_output(attrs: Attributes) -> tuple[str, ...]:
    return ("output",)


def _no_refusal(attrs: Attributes) -> str | None:
    return None


def numbered_outputs(count: int) -> tuple[str, ...]:
    """Returns MXNet's names of an operator's outputs: one is `output`, several are `output0`, `output1` …"""
    return ("output",) if count == 1 else tuple(f"output{index}" for index in range(count))


def named_outputs(*names: str) -> Callable[[Attributes], tuple[str, ...]]:
    """Returns the outputs of an operator that gives them names of their own, whatever its attributes."""
    return lambda attrs: names


@dataclass(frozen=True)
class Operator:
    """An MXNet operator: its inputs, its parameters, what it refuses, its outputs' names, and the converter.

    A `schema` of None stands for operators without parameters: MXNet does not look at their attributes. `becomes` has the IR operators that the converter
    appends, for listings; no node becomes all of them. `any_rank` says that operands may be without dimensions, which MXNet has under numpy's rules only.
    """

    convert: Converter
    schema: Schema | None = None
    least_inputs: int = 1
    most_inputs: int | None = 1
    refuse: Callable[[Attributes], str | None] = _no_refusal
    outputs: Callable[[Attributes], tuple[str, ...]] = _one_output
    becomes: tuple[str, ...] = ()
    any_rank: bool = False


def identity(conversion: Conversion) -> list[Value]:
    """Converts operators that pass their first input on."""
    return [conversion.op("identity", conversion.data)]
