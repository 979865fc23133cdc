"""Collectors of layers' outputs: the one that `quantize_graph` hands out, and how those that callers bring are fed."""

import ctypes
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ngc.calibration.histogram import Histogram
from ngc.calibration.thresholds import select_range
from ngc.compat.arrays import as_numpy
from ngc.errors import InputError
from ngc.importer.mxnet_live import import_mxnet

Range = tuple[float, float]


class LayerOutputCollector:
    """Counts what layers give, as `collect` is told of it; MXNet's executors call that through `set_monitor_callback`."""

    def __init__(self, layers: Iterable[str], mode: str, quantized_dtype: str) -> None:
        """Makes an empty collector.

        Args:
            layers: MXNet's names of the outputs to count ("conv0_output"); others are passed over.
            mode: "naive" or "entropy".
            quantized_dtype: as for `quantize_graph`.
        """
        self._histograms = {name: Histogram() for name in layers}
        self._mode, self._dtype = mode, quantized_dtype

    def collect(self, name: str | bytes, arr: Any) -> None:
        """Counts one output: an array, or the handle of one, which is freed then, as MXNet's callbacks expect."""
        text = name.decode() if isinstance(name, bytes) else name
        if text in self._histograms:
            self._histograms[text].observe(np.ascontiguousarray(_array(arr), np.float32), name=text)

    @property
    def min_max_dict(self) -> dict[str, Range]:
        """The range of each output that was counted."""
        parameters = {"quantized_dtype": self._dtype} if self._mode == "entropy" else {}
        return {name: select_range(found, self._mode, **parameters) for name, found in self._histograms.items() if found.high >= found.low}


def _array(arr: Any) -> np.ndarray:
    if isinstance(arr, int | ctypes.c_void_p):
        mx = import_mxnet()
        arr = mx.nd.NDArray(ctypes.cast(arr, mx.base.NDArrayHandle), writable=False)
    return as_numpy(arr, "arr")


def feed(collector: Any, name: str, operator: str, array: np.ndarray) -> None:
    """Tells a collector of one output, in the way of the MXNet that it was written for.

    One with `post_collect` (MXNet 2.0) gets name, operator and array; any other (MXNet 1.x) gets a name in bytes and a handle that it must free.
    """
    if isinstance(collector, LayerOutputCollector):
        collector.collect(name, array)
        return
    mx = import_mxnet()
    copied = mx.nd.array(array, dtype=array.dtype)
    if hasattr(collector, "post_collect"):
        collector.collect(name, operator, copied)
        return
    handle, copied.handle = copied.handle, None  # whoever wraps the handle in an NDArray frees it
    collector.collect(name.encode(), handle)


def collected_ranges(collector: Any) -> Mapping[str, Range]:
    """Returns the ranges by output name that a collector found.

    Raises:
        InputError: the collector has neither `min_max_dict` nor `post_collect`, or holds no ranges.
    """
    found = collector.post_collect() if hasattr(collector, "post_collect") else getattr(collector, "min_max_dict", None)
    if not isinstance(found, Mapping):
        raise InputError(f"{type(collector).__name__} is no collector: it has neither min_max_dict nor post_collect() with the ranges of outputs")
    try:
        return {str(name): (float(np.min(low)), float(np.max(high))) for name, (low, high) in found.items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"the ranges of {type(collector).__name__} are no pairs of numbers by output name: {error}") from error
