"""Reads and prepares inputs ahead of the model, in parallel and in order."""

import itertools
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from types import TracebackType
from typing import Self
from weakref import WeakSet

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
class _Filled:
    """What one task did: its samples, each with the reason why it failed or an empty text, and when it began and ended."""

    samples: tuple[tuple[Sample, str], ...]
    begin_ns: int
    end_ns: int


@dataclass(frozen=True)
class _Pending:
    """A batch that tasks are filling."""

    part: Part
    rows: range
    array: np.ndarray
    tasks: list[Future[_Filled]]

    def result(self) -> Batch:
        """Waits for the batch and returns it."""
        filled = [task.result() for task in self.tasks]
        samples = [pair for each in filled for pair in each.samples]
        good = [row for row, (_, problem) in enumerate(samples) if not problem]
        return Batch(self.part, tuple(samples[row][0] for row in good), self.array if len(good) == len(samples) else self.array[good],
                     tuple((sample, problem) for sample, problem in samples if problem),
                     (min(each.begin_ns for each in filled), max(each.end_ns for each in filled)), self.rows.stop == self.part.end)


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
        self._running: WeakSet[Generator[Batch, None, None]] = WeakSet()  # an iteration that is given up is not kept alive

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends all iterations and waits for their threads, which finish the inputs that they are at."""
        while self._running:
            self._running.pop().close()

    def batches(self, parts: Iterable[Part], batch_size: int, *, ahead: bool = True) -> Generator[Batch, None, None]:
        """Returns an iterator over the batches of parts, in order. An input that fails is among its batch's failures; the consumer decides what to do.

        Args:
            parts: in the order in which they are wanted.
            batch_size: most inputs of a batch.
            ahead: whether batches are prepared while the consumer works on others; otherwise each when it is asked for, so that nothing disturbs the consumer.

        Raises:
            EvaluationError: `batch_size` is less than 1.
        """
        if batch_size < 1:
            raise EvaluationError(f"a batch has at least 1 input, not {batch_size}")
        many = max(2, -(-2 * self.workers // batch_size)) if ahead else 0
        running = self._batches(((part, rows) for part in parts for rows in part.batches(batch_size)), many)
        self._running.add(running)
        return running

    def _batches(self, wanted: Iterator[tuple[Part, range]], ahead: int) -> Generator[Batch, None, None]:
        """Yields batches while the next `ahead` are prepared."""
        pool, stop = ThreadPoolExecutor(self.workers, "ngc-eval-loader"), Event()
        started = (self._start(pool, stop, part, rows) for part, rows in wanted)
        try:
            pending = deque(itertools.islice(started, ahead))
            while pending or (pending := deque(itertools.islice(started, 1))):
                batch = pending.popleft().result()
                pending.extend(itertools.islice(started, min(1, ahead)))
                yield batch
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def _start(self, pool: ThreadPoolExecutor, stop: Event, part: Part, rows: range) -> _Pending:
        """Starts to fill a batch, in as many tasks as there are threads: inputs may be so small that a task for each would cost more than they do."""
        array = np.empty((len(rows), *self.preprocessing.shape), self.preprocessing.dtype)
        step = -(-len(rows) // self.workers)
        return _Pending(part, rows, array, [pool.submit(self._fill, array[at:at + step], rows[at:at + step], stop) for at in range(0, len(rows), step)])

    def _fill(self, array: np.ndarray, indices: range, stop: Event) -> _Filled:
        """Reads inputs into the rows of an array, until `stop` is set."""
        begin, samples = time.time_ns(), []
        for row, index in enumerate(indices):
            if stop.is_set():
                break
            sample, problem = self.dataset.sample(index), ""
            try:
                array[row] = self.preprocessing(self.dataset.read(index), sample.input_id)
            except DatasetError as error:
                problem = str(error)
            samples.append((sample, problem))
        return _Filled(tuple(samples), begin, time.time_ns())
