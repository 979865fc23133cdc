"""Runs a graph so that all its activations can be seen, in pieces that fit into a bounded amount of memory."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ngc.calibration.histogram import Histogram, extrema
from ngc.calibration.pieces import Feeds, cut
from ngc.codegen.llvm.build import build_program
from ngc.errors import InputError
from ngc.ir import Graph, Value, clone
from ngc.ir.tensor_type import bind_shape
from ngc.passes import PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import CpuTarget

MOST_BYTES = 256 << 20
"""Memory for the activations of one run; one image's may be more."""

def is_observed(value: Value) -> bool:
    """Whether a value is an activation that could be stored in integers."""
    return value.type.dtype == "f32" and value.type.rank >= 2 and not value.is_const


def channels_of(value: Value) -> int | None:
    """Returns how many channels a value has (axis 1, or the last axis of a matrix), None where that depends on the batch."""
    channels = value.type.shape[1]
    return channels if isinstance(channels, int) and channels else None


class Observer:
    """An executable that returns the activations of a graph instead of its outputs."""

    def __init__(self, graph: Graph, target: CpuTarget, *, threads: int | None = None, cache: bool = True, fallback: bool = False,
                 most_bytes: int = MOST_BYTES) -> None:
        """Compiles a copy of the graph.

        Args:
            graph: in stage "fused", not yet laid out in memory.
            target: a processor whose code this machine runs.
            threads: how many threads share a run.
            cache: take kernels from the cache folder and keep new ones there.
            fallback: run operators without a kernel in numpy.
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
        self.executable = Executable(build_program(copy, target, cache=cache, fallback=fallback), copy, threads)
        self._out: tuple[list[tuple[int, ...]], list[np.ndarray] | None] = [], None

    def observe(self, feeds: Feeds, histograms: dict[str, Histogram]) -> int:
        """Runs a batch and counts the elements of all activations; returns how many examples it had.

        Where it takes several runs and nothing was counted before, they run twice: the magnitude of the whole batch sets the width of bins.

        Raises:
            InputError: feeds that do not fit, or activations that are not finite.
        """
        examples, pieces = cut(self.executable.program.inputs, feeds, self._images)
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
