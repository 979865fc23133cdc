"""What stands on the arrows of a symbol's picture: shapes and dtypes, which MXNet infers, written as MXNet's pictures have them."""

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ngc.errors import InputError
from ngc.importer.mxnet_live import import_mxnet
from ngc.importer.selection import output_names
from ngc.importer.sources import ModelSource
from ngc.importer.subgraphs import inline_subgraphs
from ngc.importer.symbol import SymbolGraph
from ngc.importer.symbol_writer import symbol_content


def edge_labels(symbol: SymbolGraph, shapes: Mapping[str, Any] | None, dtypes: Mapping[str, Any] | None) -> dict[tuple[str, int], str]:
    """Returns texts such as "64x56x56(float32)" by the name of a node and the number of its output; the batch is left out.

    Args:
        symbol: divided or not.
        shapes: of inputs, by name; None leaves shapes out.
        dtypes: of inputs, by name; None leaves dtypes out.

    Raises:
        InputError: names, shapes or dtypes that do not fit the symbol, or do not say enough.
        ImportFailure: MXNet is not installed.
    """
    flat = inline_subgraphs(ModelSource(symbol)).symbol
    mx = import_mxnet()
    texts: dict[str, str] = {}
    for option, given, function, form in (("shape", shapes, "infer_shape", _extents), ("dtype", dtypes, "infer_type", _type_name)):
        if given is None:
            continue
        if not isinstance(given, Mapping):
            raise InputError(f"{option} takes a dictionary by the names of inputs, not {given!r}")
        if unknown := sorted(set(given) - {*flat.arguments, *flat.auxiliary_states}):
            raise InputError(f"{option}: the symbol has no input {', '.join(map(repr, unknown))}")
        try:
            internals = mx.sym.load_json(json.dumps(symbol_content(flat))).get_internals()
            found = _inferred(getattr(internals, function), given)
        except (mx.base.MXNetError, TypeError, ValueError) as error:
            lines = str(error).strip().splitlines()
            raise InputError(f"{option}={dict(given)}: {next((line for line in lines if 'Error' in line), lines[0])}") from error
        if found is None:
            raise InputError(f"{option}={dict(given)} does not say enough for MXNet to infer the others")
        for name, what in zip(internals.list_outputs(), found, strict=True):
            texts[name] = texts.get(name, "") + form(what)
    names = ((node.name, number, output) for node in flat.nodes for number, output in enumerate(output_names(node, flat.source)))
    return {(name, number): texts[output] for name, number, output in names if output in texts}


def _inferred(infer: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Returns what MXNet infers of the outputs; None where it cannot, of which it warns too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return infer(**given)[1]


def _extents(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:]))


def _type_name(dtype: type) -> str:
    return f"({dtype.__name__})"
