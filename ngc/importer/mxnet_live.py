"""Live MXNet objects: the one place that imports MXNet, and only when asked to."""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ngc.errors import ImportFailure
from ngc.importer.source_bytes import Array
from ngc.importer.symbol import SymbolGraph
from ngc.importer.symbol_json import load_symbol


def import_mxnet() -> ModuleType:
    """Returns the mxnet module; puts back what MXNet 1.9.1 still looks for in numpy and SciPy.

    Raises:
        ImportFailure: mxnet is not installed.
    """
    if "mxnet" in sys.modules:
        return sys.modules["mxnet"]
    if importlib.util.find_spec("mxnet") is None:
        raise ImportFailure(
            "this needs MXNet, which is not installed: pip install mxnet==1.9.1 (Python 3.8 to 3.11)"
        )
    _put_back_old_names()
    with warnings.catch_warnings():
        # MXNet probes numpy for functions that numpy has removed; each probe warns.
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("mxnet")


def _put_back_old_names() -> None:
    if "bool" not in np.__dict__:
        np.bool = bool  # type: ignore[attr-defined]
    if importlib.util.find_spec("scipy") is not None:
        # MXNet asks for this name on every array that it makes, and SciPy warns each time.
        matrices = importlib.import_module("scipy.sparse")
        importlib.import_module("scipy.sparse.csr").__dict__["csr_matrix"] = matrices.csr_matrix


def _is_instance(value: object, module: str, name: str) -> bool:
    """Whether a value is of an MXNet class, without importing MXNet."""
    return any(
        cls.__name__ == name and (cls.__module__ == module or cls.__module__.startswith(module + "."))
        for cls in type(value).__mro__
    )


def is_symbol(value: object) -> bool:
    """Whether a value is an `mx.sym.Symbol`."""
    return _is_instance(value, "mxnet.symbol", "Symbol")


def is_block(value: object) -> bool:
    """Whether a value is a Gluon `Block`, hybrid or not."""
    return _is_instance(value, "mxnet.gluon.block", "Block")


def to_numpy(value: object, name: str) -> Array:
    """Returns a parameter as a numpy array, from numpy, MXNet, or whatever offers the array protocol.

    Raises:
        ImportFailure: the value is no array of numbers.
    """
    if hasattr(value, "asnumpy"):
        return np.asarray(value.asnumpy())
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ImportFailure(f"parameter {name!r} is no array: {error}") from error
    if array.dtype.kind not in "fiub":
        raise ImportFailure(f"parameter {name!r} is no array of numbers but {type(value).__name__}")
    return array


def symbol_of(symbol: Any) -> SymbolGraph:
    """Returns what a live Symbol, or another object with `tojson`, states."""
    return load_symbol(symbol.tojson().encode())


def trace_block(
    block: Any, shapes: Mapping[str, Sequence[Any]] | None
) -> tuple[Any, dict[str, Array], str]:
    """Returns the live symbol, the parameters and name of a HybridBlock; `shapes` names the inputs, else `data`.

    Parameters whose initialization waits for the input's shape get it, by one forward pass over zeros.

    Raises:
        ImportFailure: the block is not hybrid, not initialized, or cannot be traced.
    """
    mx = import_mxnet()
    if not _is_instance(block, "mxnet.gluon.block", "HybridBlock"):
        raise ImportFailure(
            f"{type(block).__name__} is no HybridBlock: only those can be turned into a symbol"
        )
    names = list(shapes or ["data"])
    try:
        outputs = block(*(mx.sym.var(name) for name in names))
    except (TypeError, ValueError, AttributeError, mx.base.MXNetError) as error:
        raise ImportFailure(
            f"{block.name}: cannot be traced with the inputs {', '.join(names)}: {error}; "
            "name the block's inputs in order: shapes={'data0': …, 'data1': …}"
        ) from error
    symbol = mx.sym.Group(_flatten(outputs))
    _initialize(mx, block, shapes)
    params: dict[str, Array] = {}
    for name, parameter in block.collect_params().items():
        try:
            params[name] = parameter._reduce().asnumpy()
        except (RuntimeError, mx.gluon.parameter.DeferredInitializationError) as error:
            raise ImportFailure(
                f"{block.name}: parameter {name!r} has no values yet; call initialize() and pass shapes, "
                "or run the block once"
            ) from error
    return symbol, params, str(block.name)


def _flatten(outputs: Any) -> list[Any]:
    if isinstance(outputs, list | tuple):
        return [symbol for group in outputs for symbol in _flatten(group)]
    return [outputs]


def _initialize(mx: ModuleType, block: Any, shapes: Mapping[str, Sequence[Any]] | None) -> None:
    """Lets parameters with deferred initialization learn their shapes from one forward pass."""
    waiting = [parameter for parameter in block.collect_params().values() if parameter._deferred_init]
    if not waiting or not shapes:
        return
    dtype = waiting[0].dtype
    try:
        zeros = [
            mx.nd.zeros(tuple(dim if isinstance(dim, int) else 1 for dim in shape), dtype=dtype)
            for shape in shapes.values()
        ]
        block(*zeros)
    except (ValueError, mx.base.MXNetError) as error:
        raise ImportFailure(
            f"{block.name}: cannot run on inputs of shape {dict(shapes)}: {str(error)[:400]}"
        ) from error
