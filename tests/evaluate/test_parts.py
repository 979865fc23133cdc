"""Parts of a data set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EvaluationError
from ngc.evaluate.parts import ALL, split


@given(st.integers(0, 300), st.integers(1, 70), st.integers(1, 40), st.integers(1, 9))
def test_parts_and_their_batches_cover_each_input_once(total: int, size: int, batch_size: int, wanted: int) -> None:
    parts = split(total, size)
    assert [index for part in parts for batch in part.batches(batch_size) for index in batch] == list(range(total))
    assert all(len(batch) == batch_size for part in parts for batch in part.batches(batch_size)[:-1])
    assert split(total, size, wanted) == parts[:wanted]


@pytest.mark.parametrize(("size", "parts", "message"), [
    (0, ALL, "a part has at least 1 input, not 0"),
    (1, 0, "there are to be 0 parts; a positive number is possible, or -1 for all"),
])  # fmt: skip
def test_impossible_parts_are_refused(size: int, parts: int, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        split(10, size, parts)
