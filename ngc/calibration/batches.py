"""The forms in which callers hold calibration data, as dictionaries of arrays by input name.

MXNet's iterators and arrays are known by what they have, so that MXNet need not be imported.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ngc.errors import InputError

_ACCEPTED = "an iterable of dictionaries of arrays by input name, of arrays, or of (data, label) pairs; or an MXNet DataIter or DataLoader"


def iterate_feeds(batches: Any, inputs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yields each batch as {input: array}.

    Args:
        batches: an iterable of dictionaries, in which labels may come along, or of arrays for a model of one input, or of sequences that hold an array for
            each input and perhaps a label after them; or an MXNet DataIter, which is reset first, or a Gluon DataLoader.
        inputs: the names of the model's inputs, in order.

    Raises:
        InputError: `batches` or one of them is none of these.
    """
    if isinstance(batches, Mapping | np.ndarray | str) or not isinstance(batches, Iterable):
        hint = "; put the one batch into a list" if isinstance(batches, Mapping | np.ndarray) else ""
        raise InputError(f"calibration takes {_ACCEPTED}, not {type(batches).__name__}{hint}")
    names = list(inputs)
    if hasattr(batches, "provide_data") and hasattr(batches, "reset"):
        names = [str(description[0]) for description in batches.provide_data]
        batches.reset()
    for batch in batches:
        data = getattr(batch, "data", None)
        yield _feeds(data if isinstance(data, list) else batch, names)  # an MXNet DataBatch has a list there


def copied(batches: Iterable[Mapping[str, Any]]) -> list[dict[str, np.ndarray]]:
    """Returns all batches at once, in memory of their own: loaders may fill the same arrays again."""
    return [{name: np.array(array) for name, array in feeds.items()} for feeds in batches]


def _feeds(batch: Any, names: list[str]) -> dict[str, Any]:
    if isinstance(batch, Mapping):
        wanted = names if all(name in batch for name in names) else list(batch)  # labels may come along; what is missing is told later
        return {name: _array(batch[name]) for name in wanted}
    arrays = list(batch) if isinstance(batch, list | tuple) else [batch]
    if not len(names) <= len(arrays) <= len(names) + 1 or not all(hasattr(array, "shape") for array in arrays[:len(names)]):
        what = f"{len(arrays)} items" if isinstance(batch, list | tuple) else type(batch).__name__
        raise InputError(f"calibration takes {_ACCEPTED}; this batch is {what} for the inputs {', '.join(names)}")
    return {name: _array(array) for name, array in zip(names, arrays, strict=False)}


def _array(value: Any) -> Any:
    """Returns an MXNet array as numpy's; other values as they are."""
    return value.asnumpy() if hasattr(value, "asnumpy") else value
