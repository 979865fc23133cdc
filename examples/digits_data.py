"""scikit-learn's handwritten digits, as images for a network; the held-out ones are kept with ngc's manifest of that network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ngc

FOLDER = Path(ngc.__file__).parent / "evaluate" / "manifest" / "builtin" / "digits"
HELD_OUT = FOLDER / "held_out.npz"
HELD_OUT_COUNT = 450


@dataclass(frozen=True)
class Digits:
    """Images (count, 1, 8, 8) from 0 to 1, and their labels."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def training_digits() -> Digits:
    """Returns all digits but the held-out ones; needs scikit-learn."""
    digits = shuffled_digits()
    return Digits(digits.images[HELD_OUT_COUNT:], digits.labels[HELD_OUT_COUNT:])


def held_out_digits() -> Digits:
    """Returns the digits that no training sees, from the file that is kept."""
    with np.load(HELD_OUT) as file:
        return Digits(file["images"].astype(np.float32)[:, None] / 16, file["labels"].astype(np.int64))


def keep_held_out() -> None:
    """Writes the file of held-out digits; needs scikit-learn."""
    digits = shuffled_digits()
    images, labels = digits.images[:HELD_OUT_COUNT], digits.labels[:HELD_OUT_COUNT]
    np.savez_compressed(HELD_OUT, images=(images[:, 0] * 16).astype(np.uint8), labels=labels.astype(np.uint8))


def shuffled_digits() -> Digits:
    """Returns all digits in a seeded order; needs scikit-learn."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return Digits((data.images[order, None] / 16).astype(np.float32), data.target[order].astype(np.int64))
