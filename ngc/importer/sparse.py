"""Sparse arrays of MXNet made dense, with every index checked."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ngc.errors import ImportFailure
from ngc.importer.source_bytes import Array, Source

# A sparse array or a compressed archive may rightly stand for more bytes than the file has; a hostile one for
# any number. Beyond this multiple (and beyond a floor that small files may always use) it is refused.
_EXPANSION_FACTOR = 64
_EXPANSION_FLOOR = 64 << 20


def expansion_limit(file_size: int) -> int:
    """Returns how many bytes the content of a file of this size may take in memory."""
    return max(_EXPANSION_FLOOR, _EXPANSION_FACTOR * file_size)


class Budget:
    """The memory that is left for what a file stands for: one for each file, since a thousand arrays may each seem modest."""

    def __init__(self, source: Source) -> None:
        self._source, self._left = source, expansion_limit(source.size)

    def take(self, size: int, what: str) -> None:
        """Raises ImportFailure when unpacking `what`, with all that came before, would take out of all proportion to the file that declares it."""
        self._left -= size
        if self._left < 0:
            limit = expansion_limit(self._source.size)
            raise ImportFailure(
                f"{self._source.name}: {what} would take {size} bytes, but the file has only {self._source.size}; at most {limit} are accepted for all of it"
            )


def dense_from_row_sparse(
    shape: Sequence[int], rows: Array, indices: Array, source: Source, budget: Budget, what: str
) -> Array:
    """Returns the dense array whose row `indices[i]` is `rows[i]` and whose other rows are zero."""
    if not shape or rows.ndim == 0 or tuple(rows.shape[1:]) != tuple(shape[1:]):
        raise ImportFailure(
            f"{source.name}: {what}: row_sparse rows of shape {tuple(rows.shape)} do not fit "
            f"shape {tuple(shape)}"
        )
    _check_indices(indices, rows.shape[0], shape[0], source, f"{what}: row indices")
    budget.take(prod(shape) * rows.dtype.itemsize, what)
    dense = np.zeros(tuple(shape), rows.dtype)
    dense[indices.astype(np.int64)] = rows
    return dense


def dense_from_csr(
    shape: Sequence[int],
    values: Array,
    indptr: Array,
    indices: Array,
    source: Source,
    budget: Budget,
    what: str,
) -> Array:
    """Returns the dense matrix of a compressed-sparse-row one."""
    if len(shape) != 2 or values.ndim != 1:
        raise ImportFailure(f"{source.name}: {what}: csr needs a matrix, not shape {tuple(shape)}")
    height, width = shape
    _check_indices(indptr, height + 1, values.shape[0] + 1, source, f"{what}: row pointers")
    starts = indptr.astype(np.int64)
    if starts[0] != 0 or starts[-1] != values.shape[0] or np.any(np.diff(starts) < 0):
        raise ImportFailure(
            f"{source.name}: {what}: csr row pointers must rise from 0 to the {values.shape[0]} stored values"
        )
    _check_indices(indices, values.shape[0], width, source, f"{what}: column indices")
    budget.take(prod(shape) * values.dtype.itemsize, what)
    dense = np.zeros((height, width), values.dtype)
    row_of_value = np.repeat(np.arange(height), np.diff(starts))
    dense[row_of_value, indices.astype(np.int64)] = values
    return dense


def _check_indices(indices: Array, count: int, bound: int, source: Source, what: str) -> None:
    if indices.dtype.kind not in "iu":
        raise ImportFailure(f"{source.name}: {what} are {indices.dtype}, expected integers")
    if indices.shape != (count,):
        raise ImportFailure(f"{source.name}: {what} have shape {indices.shape}, expected ({count},)")
    if count and (int(indices.min()) < 0 or int(indices.max()) >= bound):
        raise ImportFailure(
            f"{source.name}: {what} run from {int(indices.min())} to {int(indices.max())}, "
            f"expected 0 to {bound - 1}"
        )
