"""How far answers lie from the expected ones."""

import numpy as np
from numpy.typing import NDArray


def relative_error(answer: NDArray, expected: NDArray) -> float:
    """Returns the largest absolute difference over the largest absolute expected value."""
    return float(np.abs(answer - expected).max() / np.abs(expected).max())


def sqnr_db(answer: NDArray, expected: NDArray) -> float:
    """Returns the signal-to-quantization-noise ratio in dB: the expected values' power over that of the differences, over all images; inf without any."""
    reference = expected.astype(np.float64)
    noise = np.square(reference - answer).sum()
    return float(10 * np.log10(np.square(reference).sum() / noise)) if noise else float("inf")


def top1(logits: NDArray, labels: NDArray) -> float:
    """Returns the share of images (rows of `logits`) whose largest logit is that of their label."""
    return float((logits.argmax(1) == labels).mean())


def agreement(answer: NDArray, expected: NDArray) -> float:
    """Returns the share of images whose largest logit is the same in both."""
    return top1(answer, expected.argmax(1))
