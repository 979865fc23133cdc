"""`save_checkpoint` and `load_checkpoint`, which also take symbols with engine nodes: MXNet refuses to load operators that it does not have."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ngc.compat.arrays import as_numpy
from ngc.compat.symbol import Symbol
from ngc.importer.params import load_params, split_params
from ngc.importer.params_writer import save_params
from ngc.importer.sources import ModelSource
from ngc.importer.subgraphs import inline_subgraphs


def save_checkpoint(prefix: str | os.PathLike[str], epoch: int, symbol: Any, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any],
                    remove_amp_cast: bool = True) -> None:
    """Writes `prefix-symbol.json` and `prefix-0000.params`, as `mx.model.save_checkpoint` does.

    Args:
        prefix: of the two names.
        epoch: the number in the second name.
        symbol: a live symbol, an `ngc.compat.Symbol`, whose nodes' parameters are written too, a path or JSON text; None writes parameters only.
        arg_params: arguments by name, NDArrays or numpy arrays.
        aux_params: auxiliary states by name.
        remove_amp_cast: taken for compatibility.

    Raises:
        InputError: a parameter is no array that MXNet could read.
    """
    if symbol is not None:
        symbol = Symbol.of(symbol)
        symbol.save(f"{os.fspath(prefix)}-symbol.json")
        states = inline_subgraphs(ModelSource(symbol.graph)).symbol.auxiliary_states
        arg_params = {**{name: value for name, value in symbol.held.items() if name not in states}, **arg_params}
        aux_params = {**{name: value for name, value in symbol.held.items() if name in states}, **aux_params}
    named = {f"{kind}:{name}": as_numpy(value, name) for kind, params in (("arg", arg_params), ("aux", aux_params)) for name, value in params.items()}
    save_params(f"{os.fspath(prefix)}-{epoch:04d}.params", named)


def load_checkpoint(prefix: str | os.PathLike[str], epoch: int) -> tuple[Symbol, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the symbol, the arguments and the auxiliary states of a checkpoint, as `mx.model.load_checkpoint` does.

    Raises:
        ImportFailure: a file is missing or damaged.
    """
    symbol = Symbol.of(f"{os.fspath(prefix)}-symbol.json")
    arrays = load_params(f"{os.fspath(prefix)}-{epoch:04d}.params")
    return (symbol, *split_params(arrays, source=f"{os.fspath(prefix)}-{epoch:04d}.params", known={*symbol.list_arguments(), *symbol.list_auxiliary_states()}))
