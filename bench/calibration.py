"""The images that all engines calibrate on for int8."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.zoo_models import input_shape, keep_array, sample_images

COUNT = 32
"""Images for a network of the zoo: of the same kind as its sample input, and none of them among that."""


def zoo_calibration(name: str, folder: Path) -> str:
    """Returns the .npy file of the images for a network of the zoo, written unless it is there already."""
    shape = input_shape(name, COUNT)
    return keep_array(folder / f"calibration-{'x'.join(map(str, shape))}.npy", lambda: sample_images(np.random.default_rng(3), shape))


def split(images: NDArray[np.float32], batch: int) -> list[NDArray[np.float32]]:
    """Returns the images in whole batches; the last is filled up from the beginning."""
    count = -(-len(images) // batch)
    return np.split(images.take(range(count * batch), axis=0, mode="wrap"), count)
