"""Ranges of a model's values, by their names in the imported graph: from ngc's calibration, or from collectors of MXNet's kind."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ngc.calibration import collect, quantizable
from ngc.calibration.batches import iterate_feeds
from ngc.compat.quantization.collectors import Range, feed
from ngc.errors import InputError
from ngc.importer import SymbolGraph, SymbolNode
from ngc.importer.quantized_symbol import float_model
from ngc.importer.selection import output_names
from ngc.importer.sources import resolve_model
from ngc.ir import Graph, clone
from ngc.passes import PassContext
from ngc.target import parse_target

Shapes = Mapping[str, Sequence[int | str]]


def check_limits(num_calib_examples: int | None, num_calib_batches: int | None) -> None:
    """Raises InputError for limits of the calibration data that let no batch pass."""
    for name, count in (("num_calib_examples", num_calib_examples), ("num_calib_batches", num_calib_batches)):
        if count is not None and count < 1:
            raise InputError(f"{name}={count}: expected at least 1, or None for all of the data")


def limited(batches: Any, inputs: Sequence[str], count: int | None) -> Any:
    """Returns the first `count` batches, all where it is None."""
    return batches if count is None else itertools.islice(iterate_feeds(batches, inputs), count)


def calibrated_ranges(graph: Graph, batches: Any, mode: str, quantized_dtype: str, limit: int | None) -> tuple[dict[str, Range], int]:
    """Returns the range of each value of an imported graph that is there after fusion, and how many examples were run.

    Args:
        graph: as imported; it is left as it is.
        batches: what `ngc.calibrate` takes.
        mode: "naive" or "entropy".
        quantized_dtype: "int8", "uint8" or "auto".
        limit: no further batch is taken when so many examples were counted.

    Raises:
        InputError: batches that do not fit.
    """
    target = parse_target("cpu")
    fused = clone(graph)
    names = [value.name for value in fused.values()]
    # Ranges follow their values through the passes: as numbers of the values they tell which value of the imported graph a fused one is.
    fused.ranges = {name: (float(number), float(number)) for number, name in enumerate(names)}
    quantizable(fused, PassContext(target=target))
    origin = {name: names[int(number)] for name, (number, _) in fused.ranges.items()}
    parameters = {"quantized_dtype": quantized_dtype} if mode == "entropy" else {}
    table = collect(fused, batches, target=target, limit=limit, mode=mode, parameters=parameters)
    return {origin[name]: (found.low, found.high) for name, found in table.ranges().items() if name in origin}, table.examples


def feed_collector(model: Any, shapes: Shapes, batches: Any, collector: Any, limit: int | None) -> int:
    """Runs a model over batches and tells a collector of the inputs and of every layer's output; returns how many examples were run."""
    from ngc.driver import compile  # LLVM is loaded by whoever compiles

    layers = layer_outputs(_float_symbol(model))
    executable = compile(model, shapes=shapes, outputs=[name for name in layers if name not in shapes], fallback="reference")
    examples = 0
    for feeds in iterate_feeds(batches, list(shapes)):
        for name, array in feeds.items():
            feed(collector, name, "null", array)
        for spec, array in zip(executable.outputs, executable.run(feeds), strict=True):
            feed(collector, spec.name, layers[spec.name].op, array)
        examples += next(iter(feeds.values())).shape[0]
        if limit is not None and examples >= limit:
            break
    if not examples:
        raise InputError("there is no batch to calibrate with; an iterator that was used up before gives none")
    return examples


def layer_outputs(symbol: SymbolGraph) -> dict[str, SymbolNode]:
    """Returns the nodes that the heads need by the names of their outputs, those left out that batch norms have in training only."""
    found: dict[str, SymbolNode] = {}
    for position in symbol.reachable():
        node = symbol.nodes[position]
        if not node.is_variable:
            found.update({name: node for name in output_names(node, symbol.source) if name.startswith(f"{node.name}_output")})
    return found


def ranges_by_value(symbol: SymbolGraph, graph_inputs: Sequence[str], ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Returns ranges by the names that values have in the imported graph, given those by MXNet's names of outputs.

    Names that the model does not have are left out, as MXNet does: collectors hear of more than layers.
    """
    values = {name: name for name in graph_inputs}
    for node in symbol.nodes:
        if not node.is_variable:
            inner = node.subgraphs[0] if node.subgraphs else None
            values[f"{node.name}_output"] = inner.nodes[inner.heads[0].node].name if inner else node.name
    return {values[name]: found for name, found in ranges.items() if name in values}


def _float_symbol(model: Any) -> SymbolGraph:
    return float_model(resolve_model(model, None, None)).source.symbol
