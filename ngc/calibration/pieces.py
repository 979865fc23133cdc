"""Cuts batches into pieces that fit into a bounded amount of memory, or into what a graph was compiled for."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ngc.codegen.tensor_spec import TensorSpec
from ngc.errors import InputError
from ngc.ir import SymDim
from ngc.ir.tensor_type import bind
from ngc.runtime.tensors import check_feeds

Feeds = Mapping[str, Any]


def cut(specs: Sequence[TensorSpec], feeds: Feeds, images: int) -> tuple[int, list[Feeds]]:
    """Returns how many examples a batch has, and the batch in pieces of which each is one run.

    Args:
        specs: the program's inputs.
        feeds: the batch, of any size where the first dimension is N, else of a multiple of it.
        images: the most examples of a piece where the first dimension is N.

    Raises:
        InputError: feeds that do not fit.
    """
    if not any(isinstance(dim, SymDim) for spec in specs for dim in spec.shape):
        return _compiled_pieces(specs, feeds)
    arrays, batch = check_feeds(feeds, specs)
    factors = [spec.shape[0].factor if spec.shape and isinstance(spec.shape[0], SymDim) else 0 for spec in specs]

    def part(start: int) -> Feeds:
        stop = min(start + images, batch)
        return {spec.name: array[factor * start:factor * stop] if factor else array for spec, array, factor in zip(specs, arrays, factors, strict=True)}

    return batch, [part(start) for start in range(0, batch, images)]


def _compiled_pieces(specs: Sequence[TensorSpec], feeds: Feeds) -> tuple[int, list[Feeds]]:
    """Returns a batch in pieces of the size that the graph has; all of it as one piece where no multiple of the size can be meant."""
    rows = {spec.name: bind(spec.shape[0], 1) for spec in specs if spec.shape}
    shapes = {name: np.shape(array) for name, array in feeds.items()}
    fits = all(shapes.get(spec.name, ())[1:] == spec.shape[1:] for spec in specs)
    if not fits or set(shapes) != set(rows):
        return 1, [feeds]  # which run() refuses, in its own words
    pieces = {name: divmod(shapes[name][0], size) for name, size in rows.items()}
    first, (count, _) = next(iter(pieces.items()))
    for name, (times, rest) in pieces.items():
        if rest or not times or times != count:
            raise InputError(f"input {name!r} has {shapes[name][0]} rows, which are no whole number of the {rows[name]} that the graph takes at a time"
                             + (f", or not {count} of them as in {first!r}" if name != first else "")
                             + "; give batches of a multiple, or a first dimension of \"N\" in shapes")
    parts: list[Feeds] = [{name: feeds[name][size * index:size * (index + 1)] for name, size in rows.items()} for index in range(count)]
    return shapes[first][0], parts
