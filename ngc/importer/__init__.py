"""Reads MXNet models, from files or live objects, into the IR."""

from collections.abc import Mapping, Sequence
from typing import Any

from ngc.errors import InputError
from ngc.importer.build import build_graph
from ngc.importer.params import load_params, split_params
from ngc.importer.sources import resolve_model
from ngc.importer.symbol import Entry, SymbolGraph, SymbolNode
from ngc.importer.symbol_json import load_symbol
from ngc.ir import Graph

__all__ = [
    "Entry",
    "SymbolGraph",
    "SymbolNode",
    "import_model",
    "load_params",
    "load_symbol",
    "split_params",
]


def import_model(
    model: Any,
    params: Any = None,
    *,
    shapes: Mapping[str, Sequence[Any]] | None = None,
    dtypes: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    keep: str | None = None,
) -> Graph:
    """Returns the IR graph of an MXNet model.

    Args:
        model: a checkpoint prefix, a path to a -symbol.json file, an mx.sym.Symbol, a Gluon HybridBlock,
            (symbol, arg_params, aux_params), or a Graph, which is returned as it is.
        params: a .params path or {name: array}; found beside the symbol when a path or prefix is given.
        shapes: shapes of the inputs, where the model does not carry them; "N" in one place for a batch of any size.
        dtypes: element types of the inputs; by default those that the model states, else float32.
        outputs: names of inner values to return instead of the symbol's heads: ["flatten0_output"].
        keep: "neuron" or "tensorrt": what the symbol already holds for such an engine, as nodes with subgraphs, becomes engine calls; otherwise the
            operators of all subgraphs are taken as if nothing had divided the model.

    Raises:
        ImportFailure: a file is missing or damaged, parameters are missing, or a node contradicts itself.
        UnsupportedOperator: the model has operators that the importer does not know; lists all of them.
        InputError: a shape, dtype or output name that does not fit the model.
    """
    if isinstance(model, Graph):
        given = {"params": params, "shapes": shapes, "dtypes": dtypes, "outputs": outputs, "keep": keep}
        unused = [name for name, value in given.items() if value is not None]
        if unused:
            raise InputError(f"a Graph is complete: {', '.join(unused)} cannot be given with it")
        return model
    return build_graph(resolve_model(model, params, shapes), shapes, dtypes, outputs, keep)
