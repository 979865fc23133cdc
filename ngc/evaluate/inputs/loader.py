"""Reads and prepares inputs ahead of the model, in parallel and in order."""

import itertools
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from ngc.cpus import physical_cores
from ngc.errors import DatasetError, EvaluationError
from ngc.evaluate.inputs.datasets import Dataset, Sample
from ngc.evaluate.inputs.preparation import Preparation
from ngc.evaluate.parts import Part


@dataclass(frozen=True)
class Batch:
    """Inputs that go through the model together.

    Attributes:
        part: that they are of.
        samples: those that could be read and prepared.
        array: (len(samples), ...), as the model takes it.
        failures: those that could not, and why.
        read_ns: when the first was begun and the last was finished, in nanoseconds since the epoch.
        last: whether the part ends with it.
    """

    part: Part
    samples: tuple[Sample, ...]
    array: np.ndarray = field(repr=False)
    failures: tuple[tuple[Sample, str], ...]
    read_ns: tuple[int, int]
    last: bool


@dataclass(frozen=True)
class _Pending:
    """A batch that threads are filling: each future returns the failures of its rows, and when it began and ended."""

    part: Part
    rows: range
    array: np.ndarray
    futures: list[Future]

    def batch(self, dataset: Dataset) -> Batch:
        """Waits for the batch and returns it."""
        results = [future.result() for future in self.futures]
        failures = {sample.index: (sample, message) for result in results for sample, message in result[0]}
        good = [index for index in self.rows if index not in failures]
        array = self.array[[index - self.rows.start for index in good]] if failures else self.array
        return Batch(self.part, tuple(map(dataset.sample, good)), array, tuple(failures.values()),
                     (min(result[1] for result in results), max(result[2] for result in results)), self.rows.stop == self.part.end)


class Loader:
    """Makes batches of a data set's inputs. What it yields does not depend on the number of threads.

    Threads are started by the first batch and end with the last one, when iteration is given up, or with `close`. They decode in parallel, since Pillow and
    numpy let go of Python's lock. So many batches are prepared ahead that each thread has two tasks, and at least two, across the boundaries of parts; memory
    is that of these batches.

    Attributes:
        dataset: to read.
        preprocessing: of each input.
        workers: threads.
    """

    def __init__(self, dataset: Dataset, preprocessing: Preparation, workers: int = 0) -> None:
        """Args: see the class; 0 workers are as many as there are physical cores. Raises EvaluationError for fewer."""
        if workers < 0:
            raise EvaluationError(f"{workers} threads cannot read inputs; expected a positive number, or 0 for as many as there are cores")
        self.dataset, self.preprocessing, self.workers = dataset, preprocessing, workers or physical_cores()
        self._running: list[Generator[Batch, None, None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends all iterations and waits for their threads, which finish the inputs that they are at."""
        while self._running:
            self._running.pop().close()

    def batches(self, parts: Iterable[Part], batch_size: int) -> Generator[Batch, None, None]:
        """Returns an iterator over the batches of parts, in order. An input that fails is among its batch's failures; the consumer decides what to do.

        Raises:
            EvaluationError: `batch_size` is less than 1.
        """
        if batch_size < 1:
            raise EvaluationError(f"a batch has at least 1 input, not {batch_size}")
        running = self._batches(((part, rows) for part in parts for rows in part.batches(batch_size)), batch_size)
        self._running.append(running)
        return running

    def _batches(self, wanted: Iterator[tuple[Part, range]], batch_size: int) -> Generator[Batch, None, None]:
        ahead = max(2, -(-2 * self.workers // batch_size))
        pool = ThreadPoolExecutor(self.workers, "ngc-eval-loader")
        try:
            pending = deque(self._submit(pool, part, rows) for part, rows in itertools.islice(wanted, ahead))
            while pending:
                yield pending.popleft().batch(self.dataset)
                pending.extend(self._submit(pool, part, rows) for part, rows in itertools.islice(wanted, 1))
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, part: Part, rows: range) -> _Pending:
        """Starts to fill a batch, in as many tasks as there are threads: inputs may be so small that one a task would cost more than they do."""
        array = np.empty((len(rows), *self.preprocessing.shape), self.preprocessing.dtype)
        step = -(-len(rows) // self.workers)
        return _Pending(part, rows, array, [pool.submit(self._fill, array, rows, rows[at:at + step]) for at in range(0, len(rows), step)])

    def _fill(self, array: np.ndarray, rows: range, indices: range) -> tuple[list[tuple[Sample, str]], int, int]:
        """Reads some of the inputs of a batch into its array."""
        begin, failures = time.time_ns(), []
        for index in indices:
            sample = self.dataset.sample(index)
            try:
                array[index - rows.start] = self.preprocessing(self.dataset.read(index), sample.input_id)
            except DatasetError as error:
                failures.append((sample, str(error)))
        return failures, begin, time.time_ns()
