"""What reports read of the store."""

from typing import Protocol

from ngc.evaluate.records import PartResult, Prediction, Span


class Source(Protocol):
    """The methods of `ngc.evaluate.store.Store` that reports call."""

    def part_results(self, id: str) -> list[PartResult]:
        """Returns the finished parts of an evaluation in order, without predictions and spans."""

    def spans(self, id: str) -> list[Span]:
        """Returns the trace of an evaluation."""

    def predictions(self, id: str, *, expected: int | None = None, answered: int | None = None, wrong: bool = False, failed: bool = False,
                    limit: int | None = None, offset: int = 0) -> list[Prediction]:
        """Returns predictions in the order of their inputs."""
