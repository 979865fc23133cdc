"""Runs a graph so that all its activations can be seen, in pieces that fit into a bounded amount of memory."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngc.calibration.histogram import Histogram, extrema
from ngc.codegen.llvm.build import build_program
from ngc.errors import InputError
from ngc.ir import Graph, SymDim, Value, clone
from ngc.ir.tensor_type import bind, bind_shape
from ngc.passes import PassContext, PassManager
from ngc.runtime import Executable
from ngc.runtime.tensors import check_feeds
from ngc.target import CpuTarget

MOST_BYTES = 256 << 20
"""Memory for the activations of one run; one image's may be more."""

Feeds = Mapping[str, Any]


def is_observed(value: Value) -> bool:
    """Whether a value is an activation that could be stored in integers."""
    return value.type.dtype == "f32" and value.type.rank >= 2 and not value.is_const


def channels_of(value: Value) -> int | None:
    """Returns how many channels a value has (axis 1, or the last axis of a matrix), None where that depends on the batch."""
    channels = value.type.shape[1]
    return channels if isinstance(channels, int) and channels else None


class Observer:
    """An executable that returns the activations of a graph instead of its outputs."""

    def __init__(self, graph: Graph, target: CpuTarget, *, threads: int | None = None, cache: bool = True, most_bytes: int = MOST_BYTES) -> None:
        """Compiles a copy of the graph.

        Args:
            graph: in stage "fused", not yet laid out in memory.
            target: a processor whose code this machine runs.
            threads: how many threads share a run.
            cache: take kernels from the cache folder and keep new ones there.
            most_bytes: for the activations of one run.

        Raises:
            InputError: the graph has no activations in float32.
            CodegenError: operators without kernels, all listed; or the machine lacks what the target has.
        """
        copy = clone(graph)
        self.inputs = {public: value for public, value in zip(copy.input_names, copy.inputs, strict=True) if is_observed(value)}
        self.results = [value for node in copy.nodes for value in node.outputs if is_observed(value)]
        if not self.results:
            raise InputError(f"the graph {graph.name!r} has no float32 activations of two dimensions or more; there is nothing to calibrate")
        self.values = [*self.inputs.values(), *self.results]
        self._names = [value.name for value in self.results]
        per_image = sum(4 * math.prod(bind_shape(value.type.shape, 1)) for value in self.results)
        self._images = max(1, most_bytes // max(per_image, 1))
        copy.outputs, copy.output_names = tuple(self.results), tuple(self._names)
        PassManager("eliminate-dead-code,assign-layout", verify_each=False).run(copy, PassContext(target=target))
        self.executable = Executable(build_program(copy, target, cache=cache), copy, threads)
        self._out: tuple[list[tuple[int, ...]], list[np.ndarray] | None] = [], None

    def observe(self, feeds: Feeds, histograms: dict[str, Histogram]) -> int:
        """Runs a batch and counts the elements of all activations; returns how many examples it had.

        Where it takes several runs and nothing was counted before, they run twice: the magnitude of the whole batch sets the width of bins.

        Raises:
            InputError: feeds that do not fit, or activations that are not finite.
        """
        examples, pieces = self._pieces(feeds)
        peaks: dict[str, float] = {}
        if not histograms and len(pieces) > 1:
            for piece in pieces:
                for name, array in self._run(piece):
                    low, high = extrema(array, name)
                    peaks[name] = max(peaks.get(name, 0.0), -low, high)
        for value in self.values:
            histograms.setdefault(value.name, Histogram.of_channels(channels_of(value)))
        for piece in pieces:
            for name, array in self._run(piece):
                histograms[name].observe(array, name=name, peak=peaks.get(name, 0.0))
        return examples

    def _run(self, feeds: Feeds) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yields the activations of one run; the next one overwrites them."""
        shapes = [np.shape(array) for array in feeds.values()]
        if shapes != self._out[0]:
            self._out = shapes, None  # the old arrays go before new ones come
        results = self.executable.run(feeds, out=self._out[1])
        self._out = shapes, results
        for public, value in self.inputs.items():
            yield value.name, np.ascontiguousarray(feeds[public], np.float32)
        yield from zip(self._names, results, strict=True)

    def _pieces(self, feeds: Feeds) -> tuple[int, list[Feeds]]:
        """Returns how many examples a batch has, and the batch in pieces of which each is one run."""
        specs = self.executable.program.inputs
        if not any(isinstance(dim, SymDim) for spec in specs for dim in spec.shape):
            return self._compiled_pieces(feeds)
        arrays, batch = check_feeds(feeds, specs)
        factors = [spec.shape[0].factor if spec.shape and isinstance(spec.shape[0], SymDim) else 0 for spec in specs]

        def part(start: int) -> Feeds:
            stop = min(start + self._images, batch)
            return {spec.name: array[factor * start:factor * stop] if factor else array for spec, array, factor in zip(specs, arrays, factors, strict=True)}

        return batch, [part(start) for start in range(0, batch, self._images)]

    def _compiled_pieces(self, feeds: Feeds) -> tuple[int, list[Feeds]]:
        """Returns a batch in pieces of the size that the graph has; all of it as one piece where no multiple of the size can be meant."""
        rows = {spec.name: bind(spec.shape[0], 1) for spec in self.executable.program.inputs if spec.shape}
        shapes = {name: np.shape(array) for name, array in feeds.items()}
        fits = all(shapes.get(spec.name, ())[1:] == spec.shape[1:] for spec in self.executable.program.inputs)
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
