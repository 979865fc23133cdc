"""Executes engine images: one object for each, with numpy arrays in and out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from ngc.codegen.engine_image import EngineImage


class Engine(Protocol):
    """What executes one region. `run` may be called from many threads at once."""

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns fresh arrays for C-contiguous ones."""
        ...


def open_engine(image: EngineImage, constants: Callable[[], Mapping[str, np.ndarray]]) -> Engine:
    """Returns what executes an image on this machine's device.

    Args:
        image: what the engine's code generator made.
        constants: returns the region's constants by name; asked by engines that take weights at run time.

    Raises:
        EngineError: the engine's library or device is missing or refuses; the message says which, and what the image holds.
    """
    if image.engine == "neuron":  # each runtime is loaded for its own engine only
        from ngc.runtime.engines.pjrt import PjrtEngine

        return PjrtEngine(image, constants(), "cpu" if image.facts["family"] == "cpu" else "neuron")
    from ngc.runtime.engines.tensorrt import TensorRtEngine

    return TensorRtEngine(image)
