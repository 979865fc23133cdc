"""How long batches took, and what follows of that for one input.

The definitions are those of the MLModelScope agents:

    duration (us)          = trimmed mean of the durations of batches
    latency (ms/input)     = duration / (batch * 1000)
    throughput (inputs/s)  = 1000 / latency

A data set's last batch, and with parts that no multiple of the batch size fills the last batch of each, has fewer inputs. Such a batch is faster as a whole and
slower per input; it is listed among the durations, but only batches of the largest size count in the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.evaluate.records import PartResult
from ngc.evaluate.report.statistics import trimmed_mean


@dataclass(frozen=True)
class Timing:
    """Durations of an evaluation's batches.

    Attributes:
        durations: of all batches in order, in microseconds.
        counted: of those with `batch` inputs.
        batch: inputs of the largest batches; 0 where nothing was computed.
    """

    durations: tuple[float, ...]
    counted: tuple[float, ...]
    batch: int

    @property
    def duration(self) -> float:
        """The trimmed mean over the batches that count, in microseconds; 0 without any."""
        return trimmed_mean(self.counted)

    @property
    def latency(self) -> float:
        """Milliseconds for one input; NaN where nothing was computed."""
        return latency(self.duration, self.batch)


def latency(duration: float, batch: int) -> float:
    """Returns the milliseconds for each of `batch` inputs that together took `duration` microseconds; NaN for none."""
    return duration / (batch * 1000) if batch else float("nan")


def throughput(latency: float) -> float:
    """Returns how many inputs a second there are at so many milliseconds for one; NaN without a latency."""
    return 1000 / latency if latency else float("nan")


def timing(results: Sequence[PartResult], batch_size: int) -> Timing:
    """Returns the timing of parts that were evaluated with a batch size.

    A part has fewer durations than batches where batches had no input that could be read. Which ones is not recorded: the durations are taken for those of the
    part's last batches then, so that a smaller one never counts as a full one.
    """
    durations = [duration for result in results for duration in result.durations_us]
    sizes = [size for result in results for size in _sizes(result, batch_size)]
    largest = max(sizes, default=0)
    return Timing(tuple(durations), tuple(duration for duration, size in zip(durations, sizes, strict=True) if size == largest), largest)


def _sizes(result: PartResult, batch_size: int) -> list[int]:
    sizes = [len(batch) for batch in result.part.batches(batch_size)]
    return sizes[len(sizes) - len(result.durations_us) :]
