"""What a model of a kind that MXNet's users deploy has, for tests and measurements."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Built = tuple[Any, dict[str, Any], dict[str, Any]]
"""A symbol, its parameters and its auxiliary states by name."""


@dataclass(frozen=True)
class DeployedModel:
    """One architecture with seeded weights.

    Attributes:
        name: as `bench.models` knows it.
        build: returns the symbol with its parameters and auxiliary states for MXNet's module and a seed.
        inputs: returns seeded feeds for a batch, in the types in which the model is deployed.
        tolerance: the largest difference from MXNet, over the largest of MXNet's numbers, of each output.
        head_free: names of inner values to stop at where a peer cannot take the head; empty where it is taken whole.
    """

    name: str
    build: Callable[[ModuleType, int], Built]
    inputs: Callable[[int], dict[str, np.ndarray]]
    tolerance: float = 1e-4
    head_free: tuple[str, ...] = ()
