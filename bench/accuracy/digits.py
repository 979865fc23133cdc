"""scikit-learn's handwritten digits at the size of small photographs, split once and for all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.digits_data import Digits, shuffled_digits

SIZE = 32
HELD_OUT_COUNT = 600
CALIBRATION_COUNT = 128


@dataclass(frozen=True)
class Split:
    """Digits (count, 1, 32, 32) from 0 to 1: those that networks learn from, some of them to calibrate on, and those that networks never see."""

    train: Digits
    calibration: Digits
    held_out: Digits


def split_digits() -> Split:
    """Returns the split, the same every time; needs scikit-learn."""
    digits = shuffled_digits()
    images = upsample(digits.images, SIZE)
    train = Digits(images[HELD_OUT_COUNT:], digits.labels[HELD_OUT_COUNT:])
    calibration = Digits(train.images[:CALIBRATION_COUNT], train.labels[:CALIBRATION_COUNT])
    return Split(train, calibration, Digits(images[:HELD_OUT_COUNT], digits.labels[:HELD_OUT_COUNT]))


def upsample(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Returns square images (count, channels, side, side) at another size: linear between the centres of pixels, constant outside."""
    side = images.shape[-1]
    centres = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
    weights = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(side))).astype(np.float32)
    return np.ascontiguousarray(weights @ images @ weights.T)
