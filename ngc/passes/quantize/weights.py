"""Weights as integers: one scale for each output channel, and what rounding them moves the outputs by on average.

    w  =  s[c] * q,   q = round(w / s[c]),   s[c] = max |w[c]| / 127
    E[sum (s q - w) x]  =  sum (s q - w) E[x]          taken out of the bias (Nagel et al., Data-Free Quantization, 2019, section 4.2)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST = 127
"""Of the integers of a weight: symmetric, so that -w is as exact as w."""


_SMALLEST = float(np.finfo(np.float32).tiny)
"""A channel of smaller weights is a channel of zeros: f32 has no scale for it."""


@dataclass(frozen=True)
class QuantizedWeights:
    """Weights (O, I/groups, ...) or (O, K) as integers, the scale of each output channel, and the mean error of each output."""

    integers: NDArray[np.int8]
    scales: NDArray[np.float64]
    shift: NDArray[np.float64]


def quantize_weights(weights: NDArray[np.float32], groups: int, means: tuple[float, ...] | None) -> QuantizedWeights:
    """Returns weights as integers.

    Args:
        weights: (O, I/groups, kernel) or (O, K).
        groups: groups of channels that do not meet; 1 for a dense layer.
        means: the mean of each input channel (or input), None where it is not known: then no error is expected.
    """
    outputs = weights.shape[0]
    rows = weights.reshape(outputs, -1)
    largest = np.abs(rows).max(axis=1, initial=0).astype(np.float64)
    scales = np.where(largest / LARGEST > _SMALLEST, largest / LARGEST, 1.0)
    integers = np.rint(rows / scales[:, None].astype(np.float32)).clip(-LARGEST, LARGEST)
    shift = np.zeros(outputs)
    if means is not None:
        error = (integers * scales[:, None].astype(np.float32) - rows).reshape(*weights.shape[:2], -1).sum(axis=2, dtype=np.float64)
        inputs = np.asarray(means, np.float64).reshape(groups, -1)
        shift = np.einsum("goi,gi->go", error.reshape(groups, outputs // groups, -1), inputs).reshape(-1)
    return QuantizedWeights(integers.astype(np.int8).reshape(weights.shape), scales, shift)
