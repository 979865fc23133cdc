"""Batches: in order, the same for any number of threads, and without threads left behind."""


import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import DatasetError
from ngc.evaluate.inputs import Loader, Preprocessing, Sample
from ngc.evaluate.parts import split

GREY = Preprocessing(1, 2, 3, color_mode="GRAY", element_type="uint8")


class Numbers:
    """Inputs that hold their index, some of them broken."""

    name = "numbers"

    def __init__(self, count: int, broken: frozenset[int] = frozenset()) -> None:
        self.count, self.broken = count, broken

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        return Sample(index, f"number {index}", index % 10)

    def read(self, index: int) -> np.ndarray:
        if index in self.broken:
            raise DatasetError(f"number {index}: broken")
        return np.full((2, 3), index, np.uint8)

    def digest(self) -> str:
        return ""


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 9), st.integers(1, 5), st.frozensets(st.integers(0, 60)))
def test_any_number_of_threads_gives_the_same_batches(count: int, part_size: int, batch_size: int, workers: int, broken: frozenset[int]) -> None:
    parts = split(count, part_size)
    batches = list(Loader(Numbers(count, broken), GREY, workers).batches(parts, batch_size))
    wanted = [(part, rows) for part in parts for rows in part.batches(batch_size)]
    assert [batch.part for batch in batches] == [part for part, _ in wanted]
    assert [batch.last for batch in batches] == [rows.stop == part.end for part, rows in wanted]
    for batch, (_, rows) in zip(batches, wanted, strict=True):
        good = [index for index in rows if index not in broken]
        assert batch.samples == tuple(Sample(index, f"number {index}", index % 10) for index in good)
        assert batch.array.shape == (len(good), 1, 2, 3)
        assert batch.array[:, 0, 0, 0].tolist() == good
        assert batch.failures == tuple((Sample(index, f"number {index}", index % 10), f"number {index}: broken") for index in rows if index in broken)
        assert batch.read_ns[0] <= batch.read_ns[1]
