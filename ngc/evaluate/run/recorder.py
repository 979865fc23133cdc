"""Where the runner records an evaluation: a store, or nowhere."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ngc.evaluate.records import Evaluation, PartResult, Span


class Recorder(Protocol):
    """What an evaluation tells while it runs; `ngc.evaluate.store.Store` keeps it."""

    @property
    def place(self) -> str:
        """Where it is recorded, for messages; empty where it is not."""
        ...

    def begin(self, evaluation: Evaluation) -> None:
        """Records that an evaluation has begun, or goes on."""
        ...

    def finished_parts(self, id: str) -> set[int]:
        """Returns the indices of the parts that are recorded."""
        ...

    def part_results(self, id: str) -> list[PartResult]:
        """Returns what is recorded of finished parts, in their order, without predictions and spans."""
        ...

    def add_part(self, id: str, result: PartResult, *, predictions: bool) -> bool:
        """Records a part, as a whole or not at all; False where it was recorded before."""
        ...

    def set_trace(self, id: str, spans: Sequence[Span]) -> None:
        """Records the spans outside of parts."""
        ...

    def finish(self, id: str, results: Mapping[str, Any]) -> None:
        """Records that the evaluation is done."""
        ...

    def fail(self, id: str, message: str) -> None:
        """Records that, and why, the evaluation failed."""
        ...


class Unpublished:
    """Records nothing: an evaluation without --publish."""

    place = ""

    def begin(self, evaluation: Evaluation) -> None: ...

    def finished_parts(self, id: str) -> set[int]:
        return set()

    def part_results(self, id: str) -> list[PartResult]:
        return []

    def add_part(self, id: str, result: PartResult, *, predictions: bool) -> bool:
        return True

    def set_trace(self, id: str, spans: Sequence[Span]) -> None: ...

    def finish(self, id: str, results: Mapping[str, Any]) -> None: ...

    def fail(self, id: str, message: str) -> None: ...
