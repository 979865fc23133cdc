"""Nodes that Python executes: native programs call back here for engines, and for numpy where a model was compiled with `fallback="reference"`."""

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.llvm.calls import geometry
from ngc.codegen.llvm.slices import Slice, find_slices
from ngc.errors import ArtifactError
from ngc.ir import Graph, Node, Value
from ngc.ir.reference import evaluate_node
from ngc.ir.tensor_type import DTYPES, bind_shape
from ngc.runtime.engines import Engine, open_engine

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

Errors = dict[int, BaseException]
Evaluation = Callable[[list[np.ndarray]], Sequence[np.ndarray]]


class Callbacks:
    """The callbacks of one executable. Whichever native thread has a call's only work item runs it; the others wait at their barrier."""

    def __init__(self, graph: Graph, nodes: Mapping[str, str], engines: Mapping[str, EngineImage] | None = None) -> None:
        """Makes a callback for each symbol; engines are opened when they are needed.

        Args:
            graph: holds the nodes.
            nodes: names of nodes by the symbols under which the program calls them, those in loops and conditionals behind what stands around them.
            engines: what executes those of them that are engine calls, by the same names.

        Raises:
            ArtifactError: the graph has no such node, or one for which an engine was built has no region.
        """
        found = {scope + node.name: node for scope, node in graph.scoped_nodes()}
        missing = sorted({*nodes.values(), *(engines or {})} - set(found))
        if missing:
            raise ArtifactError(f"the program calls nodes that its graph does not have: {', '.join('%' + name for name in missing)}")
        flat = [name for name in engines or {} if not found[name].regions]
        if flat:
            raise ArtifactError(f"engines were built for nodes that have no region: {', '.join('%' + name for name in flat)}")
        slices = {value: part for region in graph.with_regions() for value, part in find_slices(region).items()} if nodes else {}
        self._errors: Errors = {}
        self._images = {name: (image, found[name].regions[0]) for name, image in (engines or {}).items()}
        self._engines: dict[str, Engine] = {}
        self._opening = threading.Lock()
        # ctypes keeps no reference to a callback that only native code knows.
        self._callbacks = {
            symbol: _KERNEL(_callback(found[name], slices, self._errors, self._evaluation(name, found[name]))) for symbol, name in nodes.items()
        }
        self.addresses = {symbol: ctypes.cast(callback, ctypes.c_void_p).value or 0 for symbol, callback in self._callbacks.items()}

    def open_engines(self) -> None:
        """Makes all engines ready to run.

        Raises:
            EngineError: a library or a device is missing, or refuses an image.
        """
        for name in self._images:
            self._engine(name)

    def _engine(self, name: str) -> Engine:
        """Returns the engine that executes a node, opened at its first use."""
        if name not in self._engines:
            with self._opening:
                if name not in self._engines:
                    image, region = self._images[name]
                    constants = {node.name: node.output for node in region.nodes if node.op == "const"}
                    self._engines[name] = open_engine(image, lambda: {name: value.array for name, value in constants.items()})
        return self._engines[name]

    def _evaluation(self, name: str, node: Node) -> Evaluation:
        """Returns what computes the results of a node, which has its name behind what stands around it."""
        if name not in self._images:
            return lambda arrays: evaluate_node(node, arrays)
        return lambda arrays: self._engine(name).run([np.asarray(array, order="C") for array in arrays])

    def raise_error(self, regions: Sequence[tuple[int, int]]) -> None:
        """Raises what went wrong in a run, which is known by where its results lie.

        Args:
            regions: address and size of the memory that the run wrote to; no other run writes there meanwhile.
        """
        # What followed the first error computed with zeros, and may have failed too.
        found = [address for address in list(self._errors) if any(start <= address < start + size for start, size in regions)]
        errors = [self._errors.pop(address) for address in found]
        if errors:
            raise errors[0]


def _callback(node: Node, slices: Mapping[Value, Slice], errors: Errors, evaluation: Evaluation) -> Callable[[int, int, int, int], None]:
    reads = [value for value in node.inputs if not value.is_const]
    constants = {value: value.array for value in node.inputs if value.is_const}
    count = len(reads) + len(node.outputs)

    def run(arguments: int, n: int, begin: int, end: int) -> None:
        if begin >= end:
            return
        pointers = (ctypes.c_void_p * count).from_address(arguments)
        addresses = [int(pointer or 0) for pointer in pointers]
        results = [_View(value, address, n, slices) for value, address in zip(node.outputs, addresses[len(reads):], strict=True)]
        # Nothing may escape into native code: it would be printed and forgotten.
        try:
            operands = {**constants, **{value: _View(value, address, n, slices).load() for value, address in zip(reads, addresses, strict=False)}}
            for result, array in zip(results, evaluation([operands[value] for value in node.inputs]), strict=True):
                result.store(array)
        except BaseException as error:
            for result in results:
                result.clear()  # what follows in this run reads numbers, not whatever was there
            errors[addresses[len(reads)]] = error

    return run


class _View:
    """A tensor of the native program as numpy sees it, plain or blocked."""

    def __init__(self, value: Value, address: int, n: int, slices: Mapping[Value, Slice]) -> None:
        self._type = value.type
        self._shape = bind_shape(value.type.shape, n)
        dtype = DTYPES[value.type.dtype]
        if value.type.layout.is_plain:
            self._memory = _at(address, self._shape, dtype)
            return
        place = geometry(value.type)
        self._place = place
        image = geometry(slices[value].of.type).size if value in slices else place.size
        images, inner = self._shape[0], (place.blocks, *place.padded, place.block)
        flat = _at(address, ((images - 1) * image + place.size if images else 0,), dtype)
        steps = [image, place.block_stride, *place.strides, 1]
        self._memory = np.lib.stride_tricks.as_strided(flat, (images, *inner), [step * dtype.itemsize for step in steps])

    def load(self) -> np.ndarray:
        """Returns the logical elements, in an array of their own where the memory is blocked."""
        if self._type.layout.is_plain:
            return self._memory
        elements = self._inside().transpose(0, 1, 5, 2, 3, 4)
        return elements.reshape(self._shape[0], -1, *self._place.spatial)[:, :self._place.channels].reshape(self._shape)

    def store(self, array: np.ndarray) -> None:
        """Writes the logical elements; padding lanes get zeros, the halo is left to the kernel that fills it."""
        if array.shape != self._shape:
            raise ValueError(f"the evaluation gave {array.shape} where {self._shape} is expected")
        if self._type.layout.is_plain:
            np.copyto(self._memory, array, casting="same_kind")
            return
        place = self._place
        padded = np.zeros((self._shape[0], place.blocks * place.block, *place.spatial), self._memory.dtype)
        np.copyto(padded[:, :place.channels], array.reshape(self._shape[0], place.channels, *place.spatial), casting="same_kind")
        self._inside()[...] = padded.reshape(self._shape[0], place.blocks, place.block, *place.spatial).transpose(0, 1, 3, 4, 5, 2)

    def clear(self) -> None:
        """Writes zeros."""
        (self._memory if self._type.layout.is_plain else self._inside())[...] = 0

    def _inside(self) -> np.ndarray:
        """Returns the blocked memory without its halo."""
        spatial = tuple(slice(before, before + size) for (before, _), size in zip(self._place.halo, self._place.spatial, strict=True))
        return self._memory[(slice(None), slice(None), *spatial)]


def _at(address: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Returns memory of the native program as an array."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not size:
        return np.zeros(shape, dtype)
    return np.frombuffer(memoryview((ctypes.c_char * size).from_address(address)), dtype).reshape(shape)
