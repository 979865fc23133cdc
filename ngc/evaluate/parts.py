"""A data set in parts: what is evaluated, recorded, resumed and spread over machines as a whole."""

from dataclasses import dataclass

from ngc.errors import EvaluationError

ALL = -1
"""Instead of a number of parts: all that there are."""


@dataclass(frozen=True)
class Part:
    """The inputs [begin, end) of a data set. Batches never reach over the boundaries of parts, so results do not depend on who evaluates which part when."""

    index: int
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def batches(self, batch_size: int) -> "list[range]":
        """Returns the inputs of each batch; the last one may have fewer than `batch_size`."""
        return [range(begin, min(begin + batch_size, self.end)) for begin in range(self.begin, self.end, batch_size)]


def split(total: int, size: int, parts: int = ALL) -> list[Part]:
    """Returns the first `parts` parts, of `size` inputs each, of a data set of `total`; the last one may have fewer.

    Raises:
        EvaluationError: `size` is less than 1, or `parts` neither positive nor ALL.
    """
    if size < 1:
        raise EvaluationError(f"a part has at least 1 input, not {size}")
    if parts != ALL and parts < 1:
        raise EvaluationError(f"there are to be {parts} parts; a positive number is possible, or {ALL} for all")
    ranges = [Part(index, begin, min(begin + size, total)) for index, begin in enumerate(range(0, total, size))]
    return ranges if parts == ALL else ranges[:parts]
