"""Reads `.params` files: every version that MXNet has written, without MXNet."""

import logging
from collections.abc import Collection, Mapping

from ngc.errors import ImportFailure
from ngc.importer.ndarray_list import read_ndarray_list
from ngc.importer.npz import read_npz
from ngc.importer.source_bytes import Array, PathLike, open_source, read_source

logger = logging.getLogger(__name__)


def load_params(source: PathLike | bytes | bytearray | memoryview) -> dict[str, Array]:
    """Returns the arrays of a .params file by name, prefixes (`arg:`, `aux:`) included.

    Takes the binary list of MXNet 0.x to 2.0 and the zip form of MXNet 2.0. Sparse arrays come back dense,
    bfloat16 as float32. The arrays are read-only, each in memory of its own, or views of `source` where it is a buffer and alignment allows.

    The file is read, not mapped: training scripts overwrite checkpoints in place, and a mapped file that shrinks kills the process.

    Raises:
        ImportFailure: the file is missing, truncated, damaged or something else than a parameter file.
    """
    expected = {"what": "a .params file", "name": "<params>"}
    with open_source(source, **expected) as data:
        if bytes(data.piece(0, min(data.size, 4))) == b"PK\x03\x04":
            return read_npz(read_source(source, **expected))
        arrays, names = read_ndarray_list(data)
    if arrays and not names:
        raise ImportFailure(
            f"{data.name}: holds {len(arrays)} arrays without names; save a dictionary "
            '({"arg:conv0_weight": array, …}) instead of a list'
        )
    params: dict[str, Array] = {}
    for name, array in zip(names, arrays, strict=True):
        if array is None:
            logger.warning("%s: %r was saved before it was initialized and is left out", data.name, name)
            continue
        if name in params:
            logger.warning("%s: %r is there twice; the last one counts", data.name, name)
        params[name] = array
    return params


def split_params(
    params: Mapping[str, Array], *, source: str = "params", known: Collection[str] = ()
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Returns (arg_params, aux_params): names split at the first ':'; names without a prefix are arguments.

    `known` are the symbol's own names, which are taken as they are.

    Raises:
        ImportFailure: the names are those of Gluon's `save_parameters`, which say where a parameter sits in
            the block and not what it is called in the symbol.
    """
    arg_params: dict[str, Array] = {}
    aux_params: dict[str, Array] = {}
    prefixed = False
    for full_name, array in params.items():
        prefix, colon, name = full_name.partition(":")
        if colon and prefix in ("arg", "aux"):
            prefixed = True
            (arg_params if prefix == "arg" else aux_params)[name] = array
        else:
            arg_params[full_name] = array
    if not prefixed and arg_params and all(_is_structural(name) and name not in known for name in arg_params):
        example = next(iter(arg_params))
        raise ImportFailure(
            f"{source}: names such as {example!r} come from Block.save_parameters and do not say what the "
            "symbol calls them; save with HybridBlock.export(prefix), or pass the block itself, "
            "or a dictionary from the symbol's names to arrays"
        )
    return arg_params, aux_params


def _is_structural(name: str) -> bool:
    """Whether a name is a path through Gluon blocks ("features.0.weight"), with an attribute at its end."""
    return "." in name and name.rpartition(".")[2].isidentifier()
