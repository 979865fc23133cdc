"""Symbols that MXNet quantized, as the float models that they stand for, with the ranges that they carry.

    quantize, quantize_v2, requantize, dequantize (x)     =  x
    quantized_op(x..., min, max, ...)                     =  op(x...)
    sg_mkldnn_conv(x...){subgraph}                        =  the subgraph's own operators
    weight (int8, with its smallest and largest value)    =  weight * largest magnitude / 127

The operators get the names back that they had before MXNet quantized them, so that messages, selected outputs and excluded layers speak of
the owner's model. What a calibrated operator clips in MXNet is not clipped here: its range is kept, by the value that it speaks of.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ngc.errors import ImportFailure
from ngc.importer.calibrated_ranges import Range, range_of, real_weights, through, union
from ngc.importer.operator_names import FUSED_OPERATORS
from ngc.importer.source_bytes import Array
from ngc.importer.sources import ModelSource
from ngc.importer.symbol import Entry, SymbolNode

logger = logging.getLogger(__name__)

_FLOAT_OPERATORS: Mapping[str, str] = MappingProxyType(
    {
        "_contrib_quantized_act": "Activation",
        "_contrib_quantized_batch_norm": "BatchNorm",
        "_contrib_quantized_concat": "Concat",
        "_contrib_quantized_conv": "Convolution",
        "_contrib_quantized_elemwise_add": "elemwise_add",
        "_contrib_quantized_elemwise_mul": "elemwise_mul",
        "_contrib_quantized_embedding": "Embedding",
        "_contrib_quantized_flatten": "Flatten",
        "_contrib_quantized_fully_connected": "FullyConnected",
        "_contrib_quantized_pooling": "Pooling",
    }
)
_RANGE_KEEPERS = frozenset(f"_contrib_quantized_{name}" for name in ("act", "concat", "flatten", "pooling"))
_DATA_INPUTS = MappingProxyType({"_contrib_quantized_batch_norm": (5, 2), "_contrib_quantized_embedding": (2, 2)})
_CONVERSIONS = MappingProxyType(
    {"_contrib_quantize": 2, "_contrib_quantize_v2": 0, "_contrib_requantize": 2, "_contrib_dequantize": 2}
)
"""The operators that only change how a value is stored, and how many limits they read after it."""

QUANTIZED_OPERATORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{name: (source,) for name, source in _FLOAT_OPERATORS.items()},
        **dict.fromkeys(_CONVERSIONS, ()),
        **{name: ("Convolution" if name.endswith("conv") else "FullyConnected",) for name in sorted(FUSED_OPERATORS)},
    }
)
"""The operators of quantized and fused symbols with those that they are read as: none for what only changes how a value is stored."""
_OF_QUANTIZATION = frozenset({"min_calib_range", "max_calib_range", "enable_float_output"})
_LIMITS = {1: "smallest", 2: "largest"}  # output number of a quantized operator: which limit of its range it is


@dataclass(frozen=True)
class FloatModel:
    """A model whose operators all work on real numbers; `ranges` are those of its symbol's entries."""

    source: ModelSource
    ranges: Mapping[Entry, Range] = field(default_factory=dict)


def float_model(source: ModelSource) -> FloatModel:
    """Returns the float model behind a quantized or fused symbol; any other model comes back as it is.

    Raises:
        ImportFailure: a parameter or its range is missing or damaged, a fused operator does not fit its subgraph, or something reads a range
            as if it were data.
    """
    if not any(_is_rewritten(node) for node in source.symbol.nodes):
        return FloatModel(source)
    return _Dequantizer(source).run()


def _is_rewritten(node: SymbolNode) -> bool:
    return node.op in _FLOAT_OPERATORS or node.op in _CONVERSIONS or node.op in FUSED_OPERATORS


class _Dequantizer:
    """Walks a symbol in its order; `placed` maps its nodes to the first outputs of what they became, `limits` holds the variables that are limits."""

    def __init__(self, source: ModelSource) -> None:
        self.source, self.symbol = source, source.symbol
        self.names = {node.name for node in self.symbol.nodes}
        self.nodes: list[SymbolNode] = []
        self.placed: dict[int, Entry] = {}
        self.limits: set[int] = set()
        self.ranges: dict[Entry, Range] = {}
        self.lost: list[str] = []  # nodes whose range is nothing but 0
        self.params: dict[str, Array] = dict(source.arg_params)

    def run(self) -> FloatModel:
        data = [self.data_inputs(node) for node in self.symbol.nodes]
        used = {entry.node for entries in (*data, self.symbol.heads) for entry in entries}
        every = {entry.node for node in self.symbol.nodes for entry in node.inputs}
        self.limits = {position for position in every - used if self.symbol.nodes[position].is_variable}
        for position, node in enumerate(self.symbol.nodes):
            if position not in self.limits:
                self.convert(position, node, data[position])
        for position in self.limits:
            self.params.pop(self.symbol.nodes[position].name, None)
        if self.lost:
            logger.warning(
                "%s: %d calibrated ranges reach from 0 to 0 and are left out, since MXNet writes six decimals and no exponent: %s%s",
                self.symbol.source,
                len(self.lost),
                ", ".join(self.lost[:5]),
                " …" if len(self.lost) > 5 else "",
            )
        heads = tuple(self.head(number, head) for number, head in enumerate(self.symbol.heads))
        symbol = replace(self.symbol, nodes=tuple(self.nodes), heads=heads)
        return FloatModel(replace(self.source, symbol=symbol, arg_params=self.params), self.ranges)

    def fail(self, node: SymbolNode, message: str) -> ImportFailure:
        return ImportFailure(f"{self.symbol.source}: {node}: {message}")

    def data_inputs(self, node: SymbolNode) -> tuple[Entry, ...]:
        """Returns a node's inputs without the limits of their ranges."""
        total = len(node.inputs)
        if node.op in FUSED_OPERATORS:
            return node.inputs[: len(self.inner_variables(node))]
        if node.op in _CONVERSIONS:
            count, wanted = 1, 1 + _CONVERSIONS[node.op]
        elif node.op in _DATA_INPUTS:
            count, wanted = _DATA_INPUTS[node.op][0], sum(_DATA_INPUTS[node.op])
        elif node.op in _FLOAT_OPERATORS:
            count, wanted = total // 3, total - total % 3
        else:
            return node.inputs
        if total != wanted or not total:
            raise self.fail(node, f"{total} inputs, expected {wanted or 3}: data, and two limits for every range")
        return node.inputs[:count]

    def inner_variables(self, node: SymbolNode) -> tuple[int, ...]:
        """Returns the positions of the variables in a fused operator's subgraph, in the order in which the operator's inputs feed them."""
        if len(node.subgraphs) != 1 or len(node.subgraphs[0].heads) != 1:
            raise self.fail(node, f"{len(node.subgraphs)} subgraphs, expected one with one head")
        variables = node.subgraphs[0].variables
        rest = len(node.inputs) - len(variables)
        if rest < 0 or rest % 2:
            raise self.fail(node, f"{len(node.inputs)} inputs for a subgraph of {len(variables)} variables; expected these and two limits for every range")
        return variables

    def convert(self, position: int, node: SymbolNode, data: Sequence[Entry]) -> None:
        """Appends what a node stands for, and notes the range of its result."""
        if node.is_variable:
            self.variable(position, node)
            return
        inputs = tuple(self.operand(node, entry) for entry in data)
        if not _is_rewritten(node):
            self.placed[position] = self.add(replace(node, inputs=inputs, control_deps=()))
            return
        found = range_of(node, self.symbol.source)
        if node.op in _CONVERSIONS:
            result = inputs[0]
        elif node.op in FUSED_OPERATORS:
            result = self.inline(node, inputs)
        else:
            attrs = {key: text for key, text in node.attrs.items() if key not in _OF_QUANTIZATION}
            name = node.name.removeprefix("quantized_")
            result = self.add(replace(node, op=_FLOAT_OPERATORS[node.op], name=name, attrs=attrs, inputs=inputs, control_deps=()))
            if node.op in _RANGE_KEEPERS and found is None:
                found = through(node, [self.ranges.get(entry) for entry in inputs])
        self.placed[position] = result
        if found == (0.0, 0.0):
            self.lost.append(node.name)
        elif found is not None:
            self.ranges[result] = union(found, self.ranges.get(result, found))

    def variable(self, position: int, node: SymbolNode) -> None:
        """Appends a variable; one that holds a weight in integers holds the real numbers then, under the name that the weight had."""
        stored = self.params.get(node.name)
        if node.name.endswith("_quantize") and stored is not None:
            name = node.name.removesuffix("_quantize")
            name = node.name if name in self.names else name
            real = real_weights(node, stored, self.params, self.source)
            del self.params[node.name]
            self.params[name] = real
            node = replace(node, name=name)
        self.placed[position] = self.add(node)

    def inline(self, node: SymbolNode, inputs: Sequence[Entry]) -> Entry:
        """Appends the operators of a fused operator's subgraph and returns the entry of its head."""
        inner = node.subgraphs[0]
        placed = dict(zip(self.inner_variables(node), inputs, strict=True))
        for position in inner.reachable():
            if position not in placed:
                part = inner.nodes[position]
                operands = tuple(_output(placed[entry.node], entry.output) for entry in part.inputs)
                placed[position] = self.add(replace(part, index=node.index, inputs=operands, control_deps=()))
        return _output(placed[inner.heads[0].node], inner.heads[0].output)

    def add(self, node: SymbolNode) -> Entry:
        self.nodes.append(node)
        return Entry(len(self.nodes) - 1, 0)

    def find(self, entry: Entry) -> Entry | None:
        """Returns what an output became; None for the limits of ranges."""
        if entry.node in self.limits or (entry.output and _is_rewritten(self.symbol.nodes[entry.node])):
            return None
        return _output(self.placed[entry.node], entry.output)

    def operand(self, node: SymbolNode, entry: Entry) -> Entry:
        """Returns what an operand became, which must be data."""
        found = self.find(entry)
        if found is None:
            raise self.fail(node, f"reads {self.limit(entry)}, which the float model does not have")
        return found

    def head(self, number: int, head: Entry) -> Entry:
        """Returns a head in the float model, under the public name that it had."""
        found = self.find(head)
        if found is None:
            raise ImportFailure(
                f"{self.symbol.source}: head {number} is {self.limit(head)}, which the float model does not have; "
                "save the symbol without it"
            )
        node = self.symbol.nodes[head.node]
        return self.add(SymbolNode(node.index, "_copy", node.name, {}, {}, (found,))) if _is_rewritten(node) else found

    def limit(self, entry: Entry) -> str:
        """Returns the words for one limit of a range."""
        node = self.symbol.nodes[entry.node]
        return f"{node}, a limit of a range" if node.is_variable else f"the {_LIMITS.get(entry.output, 'unknown')} value (output {entry.output}) of {node}"


def _output(first: Entry, number: int) -> Entry:
    return Entry(first.node, first.output + number)
