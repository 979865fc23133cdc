"""Generated inputs, for measurements that need any."""

from dataclasses import dataclass

import numpy as np

from ngc.errors import DatasetError
from ngc.evaluate.inputs.datasets import Sample, digest_of


@dataclass(frozen=True)
class SyntheticDataset:
    """Random inputs without classes: integers over all values of their type, or floats from the standard normal distribution.

    Each is generated when it is read, from the seed and its index.

    Attributes:
        shape: of one input.
        count: of inputs, at least 1.
        seed: another one gives other inputs.
        dtype: of the inputs.
        name: see `Dataset`.
    """

    shape: tuple[int, ...]
    count: int
    seed: int
    dtype: str
    name: str = "synthetic"

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        """See `Dataset`."""
        return Sample(index, str(index), None)

    def read(self, index: int) -> np.ndarray:
        """See `Dataset`."""
        generator, dtype = np.random.default_rng((self.seed, index)), np.dtype(self.dtype)
        if dtype.kind == "f":
            return generator.standard_normal(self.shape, np.float32).astype(dtype)
        return generator.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, self.shape, dtype, endpoint=True)

    def digest(self) -> str:
        """See `Dataset`."""
        return digest_of((self.shape, self.count, self.seed, self.dtype))


def synthetic(shape: tuple[int, ...], count: int, seed: int = 0, dtype: str = "float32") -> SyntheticDataset:
    """Returns generated inputs, see `SyntheticDataset`; raises DatasetError for none, or a type that is not of integers or floats."""
    if count < 1:
        raise DatasetError(f"{count} generated inputs; expected at least 1")
    if np.dtype(dtype).kind not in "iuf":
        raise DatasetError(f"generated inputs of {dtype}; expected a type of integers or floats")
    return SyntheticDataset(shape, count, seed, dtype)
