"""Builds the IR graph of a symbol: checks every operator, then converts node by node."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ngc.errors import ImportFailure, UnsupportedOperator, VerifyError
from ngc.importer.attributes import Attributes, parse_attributes
from ngc.importer.inputs import InputTypes
from ngc.importer.mxnet_operators import REASONS
from ngc.importer.operator_names import CONTROL_OPERATORS, ENGINE_OPERATORS
from ngc.importer.operators import OPERATORS, Conversion
from ngc.importer.operators.conversion import GeneratedBudget, RegionInput
from ngc.importer.quantized_symbol import float_model
from ngc.importer.selection import select_heads, without_labels
from ngc.importer.source_bytes import Array
from ngc.importer.sources import ModelSource
from ngc.importer.subgraphs import inline_subgraphs, without_idle_inputs
from ngc.importer.symbol import Entry, SymbolGraph, SymbolNode
from ngc.ir import Graph, GraphBuilder, Loc, Value

logger = logging.getLogger(__name__)

_SHOWN_NODES = 5  # of one unsupported operator


def build_graph(
    source: ModelSource,
    shapes: Mapping[str, Sequence[Any]] | None = None,
    dtypes: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    keep: str | None = None,
) -> Graph:
    """Returns the graph of a model, every value typed.

    Args:
        source: the model.
        shapes: of its inputs, where it does not state them.
        dtypes: of its inputs, likewise.
        outputs: names of inner values to return instead of the heads.
        keep: a kind of engine; what the symbol holds for it, as a node with a subgraph, becomes an engine call. Other subgraphs are inlined.

    Raises:
        UnsupportedOperator: operators that the importer does not know; all of them in one message.
        ImportFailure: parameters are missing or have wrong shapes, or a node cannot be what it says.
        InputError: a shape, dtype or output name that the caller gave does not fit the model.
    """
    model = float_model(inline_subgraphs(source, keep))
    source = model.source
    heads, names = select_heads(source.symbol, outputs)
    symbol = without_idle_inputs(without_labels(source.symbol))
    order = list(symbol.reachable(heads))
    attrs = _check_operators(symbol, order)
    inputs = InputTypes(source, symbol, order, shapes, dtypes)
    builder = _Builder(source, symbol, order, attrs)
    builder.declare(inputs)
    graph = builder.builder.finish(builder.build(heads), names)
    builder.warn_of_unused()
    graph.ranges = {builder.values[entry].name: found for entry, found in model.ranges.items() if entry in builder.values}
    record = source.symbol.quantization
    if record is not None:
        present = {value.name for value in graph.values()}  # selected outputs may need a part of the model only
        graph.ranges.update({name: found for name, found in record.ranges.items() if name in present})
        graph.excluded = record.excluded
    return graph


def _check_operators(symbol: SymbolGraph, order: Sequence[int]) -> dict[int, Attributes]:
    """Returns the typed parameters of all operators; one error lists every operator that is not supported, those of subgraphs too."""
    refused: dict[str, list[SymbolNode]] = {}
    attrs = _typed_attributes(symbol, order, refused)
    if refused:
        raise UnsupportedOperator(_unsupported(symbol.source, refused))
    return attrs


def _typed_attributes(symbol: SymbolGraph, order: Iterable[int], refused: dict[str, list[SymbolNode]]) -> dict[int, Attributes]:
    """Returns the typed parameters of a symbol's operators, and adds those that are not supported to `refused`."""
    attrs: dict[int, Attributes] = {}
    for position in order:
        node = symbol.nodes[position]
        if node.is_variable or node.op in ENGINE_OPERATORS:
            continue
        operator = OPERATORS.get(node.op)
        if operator is None:
            refused.setdefault(node.op, []).append(node)
            continue
        where = f"{symbol.source}: {node}"
        attrs[position] = (
            {} if operator.schema is None else parse_attributes(node.attrs, operator.schema, where)
        )
        reason = operator.refuse(attrs[position])
        if reason is not None:
            refused.setdefault(f"{node.op} with {reason}", []).append(node)
            continue
        count, most = len(node.inputs), operator.most_inputs
        if count < operator.least_inputs or (most is not None and count > most):
            wanted = (
                str(operator.least_inputs)
                if most == operator.least_inputs
                else f"{operator.least_inputs} to {most}"
            )
            raise ImportFailure(f"{where}: {count} inputs, expected {wanted}")
        if node.op in CONTROL_OPERATORS:
            for inner in node.subgraphs:
                _typed_attributes(inner, inner.reachable(), refused)
    return attrs


def _unsupported(source: str, refused: Mapping[str, Sequence[SymbolNode]]) -> str:
    total = sum(map(len, refused.values()))
    lines = [f"{source}: {total} node{'s' if total > 1 else ''} of {len(refused)} unsupported operators:"]
    for kind, nodes in sorted(refused.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = ", ".join(f"{node.name!r} (node {node.index})" for node in nodes[:_SHOWN_NODES])
        more = f" and {len(nodes) - _SHOWN_NODES} more" if len(nodes) > _SHOWN_NODES else ""
        lines.append(f"  {kind} x{len(nodes)}: {shown}{more}")
        if kind in REASONS:
            lines.append(f"    {REASONS[kind]}")
    lines.append("outputs=[…] can select inner values that do not need them")
    return "\n".join(lines)


@dataclass
class _Builder:
    source: ModelSource
    symbol: SymbolGraph
    order: Sequence[int]
    attrs: Mapping[int, Attributes]
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    values: dict[Entry, Value] = field(default_factory=dict)
    constants: dict[str, Value] = field(default_factory=dict)
    generated: GeneratedBudget = field(default_factory=GeneratedBudget)

    @property
    def np_shape(self) -> bool:
        """Whether the symbol has tensors without dimensions."""
        return self.symbol.np_shape

    def declare(self, inputs: InputTypes) -> None:
        """Adds the model's inputs; variables of one name are one input."""
        self.builder.graph.name = self.source.name
        made: dict[str, Value] = {}
        for position in inputs.positions:
            node = self.symbol.nodes[position]
            if node.name not in made:
                shape, dtype = inputs.type_of(position)
                try:
                    made[node.name] = self.builder.input(node.name, shape, dtype)
                except VerifyError as error:
                    raise ImportFailure(f"{self.symbol.source}: {node}: {error}") from error
            self.values[Entry(position, 0)] = made[node.name]

    def build(self, heads: Sequence[Entry]) -> list[Value]:
        """Converts all nodes, and returns the values of the heads."""
        needed: dict[int, set[int]] = {}
        for entry in (
            *heads,
            *(entry for position in self.order for entry in self.symbol.nodes[position].inputs),
        ):
            needed.setdefault(entry.node, set()).add(entry.output)
        for position in self.order:
            node = self.symbol.nodes[position]
            if node.op in ENGINE_OPERATORS:
                self.call_engine(position, node, max(needed.get(position, {0})))
            elif not node.is_variable:
                self.convert(position, node, frozenset(needed.get(position, ())))
            elif Entry(position, 0) not in self.values:
                self.values[Entry(position, 0)] = self.constant(position, node)
        return [self.head(head) for head in heads]

    def convert(self, position: int, node: SymbolNode, needed: frozenset[int]) -> None:
        operands = tuple(self.values[entry] for entry in node.inputs)
        conversion = Conversion(
            self.builder, node, self.symbol.source, self.attrs[position], operands, needed, self, self.generated
        )
        for operand in operands:
            if operand.type.rank == 0 and not OPERATORS[node.op].any_rank:
                raise conversion.fail(f"operand {operand.name!r} has no dimensions, which the operator does not take")
        try:
            results = OPERATORS[node.op].convert(conversion)
        except VerifyError as error:
            raise conversion.fail(str(error)) from error
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:  # what no check of the converter foresaw, as in `OpDef.infer_types`
            given = ", ".join(str(operand.type) for operand in operands)
            raise conversion.fail(f"the operator does not take operands of types ({given}) with these parameters: {type(error).__name__}: {error}") from error
        for output in sorted(needed):
            value = results[output] if output < len(results) else None
            if value is None:
                raise conversion.fail(f"output {output} is used, which the operator has in training only")
            self.values[Entry(position, output)] = value

    def call_engine(self, position: int, node: SymbolNode, last: int) -> None:
        """Appends a call whose region is the node's subgraph; parameters that it reads are the region's own. `last` is the highest output that is used."""
        inner = node.subgraphs[0]
        if last >= len(inner.heads):
            raise ImportFailure(f"{self.symbol.source}: {node}: output {last} is used, its subgraph returns {len(inner.heads)}")
        fed = {inner.nodes[variable].name: self.values[entry] for variable, entry in zip(node.fed_variables, node.inputs, strict=True)}
        types = {name: value.type for name, value in fed.items() if not value.is_const}
        parameters = {name: value.array for name, value in fed.items() if value.is_const}
        for variable in inner.variables:
            name = inner.nodes[variable].name
            array = self.source.parameter(name, aux=variable in inner.aux_nodes) if name not in fed else None
            if array is not None:
                parameters[name] = array
        region = build_graph(ModelSource(inner, parameters, {}, node.name, self.source.params_name),
                             {name: type.shape for name, type in types.items()}, {name: type.dtype for name, type in types.items()})
        results = self.builder.region_op("engine.call", [fed[name] for name in region.input_names], (region,), node.name,
                                         Loc(node.name, self.symbol.source, node.index), engine=ENGINE_OPERATORS[node.op])
        self.values.update({Entry(position, output): value for output, value in enumerate(results)})

    def region(self, inner: SymbolGraph, name: str, inputs: Sequence[RegionInput], constants: Mapping[int, Array], heads: Sequence[int]) -> Graph:
        """Returns a subgraph as a graph of its own; see `SubgraphImporter`."""
        part = self.part(inner, name, constants)
        for given in inputs:
            value = part.builder.input(given.name, given.type.shape, given.type.dtype)
            part.values.update({Entry(variable, 0): value for variable in given.variables})
        results = part.build([part.symbol.heads[head] for head in heads])
        return part.builder.finish(results, [f"output{number}" for number in range(len(results))])

    def inline(self, inner: SymbolGraph, values: Mapping[int, Value]) -> list[Value]:
        """Converts a subgraph into the graph of this builder; see `SubgraphImporter`."""
        part = self.part(inner, self.source.name, {})
        part.builder = self.builder
        part.values.update({Entry(variable, 0): value for variable, value in values.items()})
        return part.build(part.symbol.heads)

    def part(self, inner: SymbolGraph, name: str, constants: Mapping[int, Array]) -> "_Builder":
        """Returns the builder of a subgraph whose other variables are constants."""
        arrays = {inner.nodes[variable].name: array for variable, array in constants.items()}
        order = list(inner.reachable())
        return _Builder(ModelSource(inner, arrays, {}, name, self.source.params_name), inner, order, _check_operators(inner, order), GraphBuilder(name),
                        generated=self.generated)

    def constant(self, position: int, node: SymbolNode) -> Value:
        if node.name in self.constants:
            return self.constants[node.name]
        array = self.source.parameter(node.name, aux=position in self.symbol.aux_nodes)
        if array is None:
            raise ImportFailure(f"{self.symbol.source}: {node}: neither an input nor a parameter")
        loc = Loc(node.name, self.symbol.source, node.index)
        try:
            self.constants[node.name] = self.builder.const(node.name, array, loc)
        except VerifyError as error:
            raise ImportFailure(f"{self.source.params_name}: parameter {node.name!r}: {error}") from error
        return self.constants[node.name]

    def head(self, head: Entry) -> Value:
        value = self.values[head]
        if value.producer is not None and not value.is_const:
            return value
        node = self.symbol.nodes[head.node]
        loc = Loc(node.name, self.symbol.source, node.index)
        return self.builder.op("identity", value, name=f"{node.name}_copy", loc=loc)

    def warn_of_unused(self) -> None:
        inner = (part for node in self.symbol.nodes for graph in node.subgraphs for part in graph.nodes)
        variables = {node.name for node in (*self.source.symbol.nodes, *inner) if node.is_variable}
        unused = [
            name for name in (*self.source.arg_params, *self.source.aux_params) if name not in variables
        ]
        if unused:
            logger.warning(
                "%s: %d parameters that the symbol does not have are ignored: %s%s",
                self.source.params_name,
                len(unused),
                ", ".join(unused[:5]),
                " …" if len(unused) > 5 else "",
            )
