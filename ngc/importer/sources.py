"""What `import_model` takes: checkpoint prefixes, paths, tuples and live objects, brought to one form."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ngc.errors import ImportFailure, InputError
from ngc.importer.mxnet_live import is_block, symbol_of, to_numpy, trace_block
from ngc.importer.params import load_params, split_params
from ngc.importer.source_bytes import Array
from ngc.importer.symbol import SymbolGraph
from ngc.importer.symbol_json import load_symbol

logger = logging.getLogger(__name__)

_SYMBOL_END = "-symbol.json"
_ACCEPTED = (
    'a checkpoint prefix ("resnet50"), a path to a -symbol.json file, an mx.sym.Symbol, a Gluon HybridBlock, '
    "(symbol, arg_params, aux_params) or an ngc.Graph"
)


@dataclass(frozen=True)
class ModelSource:
    """A symbol with its parameters.

    `name` becomes the graph's; `params_name` says in messages where the parameters came from.
    """

    symbol: SymbolGraph
    arg_params: Mapping[str, Array] = field(default_factory=dict)
    aux_params: Mapping[str, Array] = field(default_factory=dict)
    name: str = "model"
    params_name: str = "no parameters were given"

    def parameter(self, name: str, *, aux: bool) -> Array | None:
        """Returns an array by its name; where both kinds have it, that of the kind asked for."""
        first, second = (self.aux_params, self.arg_params) if aux else (self.arg_params, self.aux_params)
        return first.get(name, second.get(name))


def resolve_model(model: Any, params: Any, shapes: Mapping[str, Sequence[Any]] | None) -> ModelSource:
    """Returns the symbol and the parameters behind any of the accepted forms of a model.

    Raises:
        ImportFailure: a file is missing or damaged.
        InputError: the model is of no accepted form, or parameters are given twice.
    """
    if isinstance(model, ModelSource):
        return model
    if isinstance(model, str | os.PathLike):
        return _from_path(model, params)
    if is_block(model):
        if params is not None:
            raise InputError("a Gluon block brings its own parameters; pass params=None")
        symbol, arrays, name = trace_block(model, shapes)
        return ModelSource(symbol_of(symbol), arrays, {}, _graph_name(name), f"block {name}")
    if isinstance(model, tuple):
        return _from_tuple(model, params)
    symbol = _symbol_from(model)
    return _with_params(symbol, params, "model")


def _symbol_from(model: Any) -> SymbolGraph:
    if isinstance(model, SymbolGraph):
        return model
    if hasattr(model, "tojson"):
        return symbol_of(model)
    if isinstance(model, Mapping | bytes) or (isinstance(model, str) and model.lstrip()[:1] == "{"):
        return load_symbol(model)
    if isinstance(model, str | os.PathLike):
        return load_symbol(_symbol_path(model))
    raise InputError(f"a model cannot be {type(model).__name__}; accepted: {_ACCEPTED}")


def _from_tuple(model: tuple[Any, ...], params: Any) -> ModelSource:
    if len(model) != 3 or not all(part is None or isinstance(part, Mapping) for part in model[1:]):
        raise InputError(
            "a tuple must be (symbol, arg_params, aux_params), the last two dictionaries of arrays"
        )
    if params is not None:
        raise InputError("(symbol, arg_params, aux_params) brings its own parameters; pass params=None")
    symbol = _symbol_from(model[0])
    arg_params, aux_params = (_arrays(part or {}) for part in model[1:])
    return ModelSource(symbol, arg_params, aux_params, "model", "the tuple's arg_params and aux_params")


def _arrays(params: Mapping[str, Any]) -> dict[str, Array]:
    """Returns plain arrays by name; an `arg:` or `aux:` that came along is dropped."""
    return {
        re.sub(r"^(arg|aux):", "", str(name), count=1): to_numpy(value, str(name))
        for name, value in params.items()
    }


def _from_path(model: str | os.PathLike[str], params: Any) -> ModelSource:
    if isinstance(model, str) and model.lstrip()[:1] == "{":
        return _with_params(load_symbol(model), params, "model")
    path = _symbol_path(model)
    symbol = load_symbol(path)
    prefix = str(path).removesuffix(".json").removesuffix("-symbol")
    if params is None:
        params = find_params(prefix)
    return _with_params(symbol, params, Path(prefix).name)


def _symbol_path(model: str | os.PathLike[str]) -> Path:
    """Returns the symbol file that a path or a checkpoint prefix stands for."""
    text = os.fspath(model)
    if text.endswith(".json"):
        return Path(text)
    if text.endswith(".params"):
        raise ImportFailure(
            f"{text}: these are the parameters; pass the prefix or the symbol file as the model"
        )
    return Path(text + _SYMBOL_END)


def find_params(prefix: str) -> Path | None:
    """Returns the parameter file of a checkpoint: epoch 0000, else the only one, else the latest."""
    first = Path(f"{prefix}-0000.params")
    if first.is_file():
        return first
    folder, stem = Path(prefix).parent, Path(prefix).name
    if not folder.is_dir():
        return None
    pattern = re.compile(re.escape(stem) + r"-(\d{4,})\.params")
    epochs = {
        int(match.group(1)): entry
        for entry in folder.iterdir()
        if (match := pattern.fullmatch(entry.name)) is not None
    }
    if not epochs:
        return None
    latest = epochs[max(epochs)]
    logger.info("%s: using %s, the latest of %d parameter files", prefix, latest, len(epochs))
    return latest


def _with_params(symbol: SymbolGraph, params: Any, name: str) -> ModelSource:
    graph_name = _graph_name(name)
    if params is None:
        return ModelSource(symbol, {}, {}, graph_name)
    known = {node.name for node in symbol.nodes if node.is_variable}
    if isinstance(params, Mapping):
        arrays = {str(key): to_numpy(value, str(key)) for key, value in params.items()}
        params_name = "the given parameters"
    elif isinstance(params, str | os.PathLike | bytes):
        arrays = load_params(params)
        params_name = "the given parameters" if isinstance(params, bytes) else os.fspath(params)
    else:
        raise InputError(
            f"params cannot be {type(params).__name__}; accepted: a path to a .params file "
            "or a dictionary of arrays"
        )
    arg_params, aux_params = split_params(arrays, source=params_name, known=known)
    return ModelSource(symbol, arg_params, aux_params, graph_name, params_name)


def _graph_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.$-]", "_", name) or "model"
