"""Batches: in order, the same for any number of threads, and without threads left behind."""


import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import DatasetError, EvaluationError
from ngc.evaluate.inputs import Loader, Preprocessing, Sample
from ngc.evaluate.parts import split
from tests.evaluate.inputs.pictures import encoded

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


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 9), st.integers(1, 5), st.frozensets(st.integers(0, 60)), st.booleans())
def test_any_number_of_threads_gives_the_same_batches(
    count: int, part_size: int, batch_size: int, workers: int, broken: frozenset[int], ahead: bool
) -> None:
    parts = split(count, part_size)
    batches = list(Loader(Numbers(count, broken), GREY, workers).batches(parts, batch_size, ahead=ahead))
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


def test_nothing_is_read_ahead_where_that_would_disturb() -> None:
    read: list[int] = []

    class Watched(Numbers):
        def read(self, index: int) -> np.ndarray:
            read.append(index)
            return super().read(index)

    for number, _ in enumerate(Loader(Watched(10), GREY, 3).batches(split(10, 6), 4, ahead=False)):
        assert sorted(read) == list(range([4, 6, 10][number]))


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ngc-eval-loader")]


class Counted(Numbers):
    """Counts what is read."""

    reads = 0

    def read(self, index: int) -> np.ndarray:
        self.reads += 1  # one thread only
        return super().read(index)


@pytest.mark.parametrize(("batch_size", "ahead"), [(1, 2), (2, 2), (7, 2)])
def test_so_many_batches_are_read_ahead_and_no_more(batch_size: int, ahead: int) -> None:
    dataset = Counted(200)
    with Loader(dataset, GREY, 1) as loader:
        batches = loader.batches(split(200, 10), batch_size)
        for number in range(1, 6):
            next(batches)
            assert dataset.reads <= (number + ahead) * batch_size
    assert not threads()
    assert dataset.reads <= (5 + ahead) * batch_size


def test_threads_end_with_the_last_batch_and_with_the_iterator() -> None:
    loader = Loader(Numbers(30), GREY, 3)
    assert not threads()
    batches = loader.batches(split(30, 10), 4)
    next(batches)
    assert threads()
    assert len(list(batches)) == 8
    assert not threads()
    for _ in loader.batches(split(30, 10), 4):
        break  # the iterator is given up
    assert not threads()


def test_close_ends_all_iterations() -> None:
    with Loader(Numbers(30), GREY, 3) as loader:
        first, second, unused = (loader.batches(split(30, 10), 4) for _ in range(3))
        next(first), next(second)
        assert threads()
    assert not threads()
    assert [list(batches) for batches in (first, second, unused)] == [[], [], []]


def test_close_leaves_inputs_alone_that_were_not_begun() -> None:
    begun, proceed = threading.Event(), threading.Event()

    class Slow(Counted):
        def read(self, index: int) -> np.ndarray:
            if index == 10:
                begun.set()
                assert proceed.wait(60)
            return super().read(index)

    dataset = Slow(1000)
    loader = Loader(dataset, GREY, 1)
    batches = loader.batches(split(1000, 1000), 10)
    next(batches)
    assert begun.wait(60)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(loader.close)
        with pytest.raises(TimeoutError):
            closing.result(0.2)  # it has told the thread to stop, and waits for the input that it is at
        proceed.set()
        closing.result(60)
    assert dataset.reads == 11


def test_an_error_that_is_no_data_sets_reaches_the_consumer() -> None:
    class Wrong(Numbers):
        def read(self, index: int) -> np.ndarray:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(Loader(Wrong(30), GREY, 2).batches(split(30, 10), 4))
    assert not threads()


def test_images_that_fail_are_named() -> None:
    class Bytes(Numbers):
        def read(self, index: int) -> bytes:  # type: ignore[override]
            return b"none" if index else encoded(np.zeros((2, 3), np.uint8))

    batch, = Loader(Bytes(2), GREY, 1).batches(split(2, 2), 2)
    assert batch.samples == (Sample(0, "number 0", 0),)
    message = "number 1: 4 bytes that are no image; expected JPEG, PNG, BMP, GIF, WEBP, or an array that numpy.save wrote"
    assert batch.failures == ((Sample(1, "number 1", 1), message),)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_it_works_in_a_forked_process() -> None:
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    with Loader(Numbers(30), GREY, 2) as loader:
        next(loader.batches(split(30, 10), 4))
        child = fork.Process(target=lambda: sender.send([len(batch.samples) for batch in loader.batches(split(30, 10), 4)]))
        child.start()
        assert receiver.poll(60)
        assert receiver.recv() == [4, 4, 2] * 3
        child.join(60)


def test_numbers_that_make_no_batches_are_refused() -> None:
    with pytest.raises(EvaluationError, match="-1 threads cannot read inputs; expected a positive number, or 0 for as many as there are cores"):
        Loader(Numbers(1), GREY, -1)
    with pytest.raises(EvaluationError, match="a batch has at least 1 input, not 0"):
        Loader(Numbers(1), GREY).batches([], 0)
