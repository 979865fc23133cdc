"""The IR's constants in an artifact: written once each, read when somebody asks for their data."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ngc.errors import ArtifactError
from ngc.ir import Graph, Node
from ngc.ir.tensor_type import DTYPES
from ngc.ir.weight import Weight
from ngc.runtime.artifact_file import NewSection, Section

ALIGNMENT = 64
"""Bytes: arrays begin at cache lines, so that views on the map are as good as arrays of their own."""

_DTYPES = {dtype.str: dtype for dtype in DTYPES.values()}
"""By the names that the manifest uses. `np.dtype` reads a small language, and evaluates parts of it as Python does."""


class MappedWeight(Weight):
    """A constant whose data lies in a mapped artifact; its bytes are compared with their digests on first use."""

    __slots__ = ("_entry", "_mapped", "_section")

    def __init__(self, name: str, digest: str, section: Section, entry: Mapping[str, Any]) -> None:
        self.name, self._digest = name, digest
        self._section, self._entry = section, entry
        self._mapped: np.ndarray | None = None

    @property
    def array(self) -> np.ndarray:  # type: ignore[override]  # the data of a weight that is at hand
        """The data, a read-only view on the file."""
        if self._mapped is None:
            self._mapped = _view(self._section, self._entry)
        return self._mapped


def collect_constants(graph: Graph) -> tuple[NewSection, dict[str, dict[str, Any]]]:
    """Returns the section of a graph's constants, equal ones once, and by content hash where each lies in it."""
    arrays: dict[str, np.ndarray] = {}
    for node in _constants(graph):
        if node.weight is not None and node.weight.digest and node.weight.digest not in arrays:
            array = node.weight.array  # put together anew each time it is asked for where a program holds it in another order
            if array is not None:
                arrays[node.weight.digest] = array
    section = NewSection("constants", [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays.values()], ALIGNMENT)
    table = {digest: {"offset": offset, "dtype": array.dtype.str, "shape": list(array.shape)}
             for (digest, array), offset in zip(arrays.items(), section.offsets(), strict=True)}
    return section, table


def attach_constants(graph: Graph, section: Section, table: Mapping[str, Mapping[str, Any]]) -> None:
    """Gives a parsed graph's constants their data, of which nothing is read yet."""
    for node in _constants(graph):
        if node.weight is not None and node.weight.digest in table:
            node.weight = MappedWeight(node.weight.name, node.weight.digest, section, table[node.weight.digest])


def _constants(graph: Graph) -> Iterator[Node]:
    for part in graph.with_regions():
        yield from (node for node in part.nodes if node.op == "const")


def _view(section: Section, entry: Mapping[str, Any]) -> np.ndarray:
    try:
        dtype, shape, offset = _DTYPES[entry["dtype"]], tuple(map(int, entry["shape"])), int(entry["offset"])
        if min(shape, default=0) < 0:
            raise ValueError(f"{dtype.str}{list(shape)} is no constant")
        count = 1
        for size in shape:
            count *= size
        return np.frombuffer(section.read(offset, count * dtype.itemsize), dtype).reshape(shape)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(f"{section.path}: the manifest describes a constant wrongly ({error}); save the model again") from error
