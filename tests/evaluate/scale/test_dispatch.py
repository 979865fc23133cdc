"""Which worker gets which part, whatever happens to workers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import EvaluationError
from ngc.evaluate.parts import Part, split
from ngc.evaluate.scale.dispatch import AHEAD, MOST_LOSSES, Dispatch


def test_a_worker_has_a_bounded_number_of_parts() -> None:
    parts = split(40, 4)
    dispatch = Dispatch(parts)
    assert [dispatch.take(0) for _ in range(AHEAD)] == parts[:AHEAD]
    assert dispatch.take(0) is None
    dispatch.finish(0, parts[0])
    assert dispatch.take(1) == parts[AHEAD]
    assert dispatch.take(0) == parts[AHEAD + 1]


def test_parts_of_a_lost_worker_are_the_next_ones() -> None:
    parts = split(40, 4)
    dispatch = Dispatch(parts)
    mine = [dispatch.take(0), dispatch.take(0)]
    assert dispatch.lose(0, "it was killed") == mine
    assert [dispatch.take(1), dispatch.take(1), dispatch.take(2)] == parts[:3]


def test_a_worker_without_parts_is_no_loss() -> None:
    dispatch = Dispatch(split(4, 4))
    for worker in range(2 * MOST_LOSSES):
        assert dispatch.lose(worker, "it was killed") == []
    assert not dispatch.done


def test_only_the_part_that_was_being_evaluated_counts_as_a_reason() -> None:
    parts = split(8, 4)
    dispatch = Dispatch(parts)
    for worker in range(MOST_LOSSES - 1):  # the second part waits behind the first
        assert [dispatch.take(worker), dispatch.take(worker)] == parts
        dispatch.lose(worker, "it was killed")
    dispatch.take(7)
    dispatch.finish(7, parts[0])
    assert dispatch.take(7) == parts[1]
    dispatch.lose(7, "it was killed")
    assert dispatch.take(8) == parts[1]


def test_a_part_that_takes_its_workers_along_is_named() -> None:
    dispatch = Dispatch(split(8, 4)[1:])
    for worker in range(MOST_LOSSES - 1):
        dispatch.take(worker)
        dispatch.lose(worker, "it was killed")
    dispatch.take(9)
    with pytest.raises(EvaluationError, match=r"^part 1, the inputs 4 to 7, was being evaluated when 3 workers were lost, the last one because its node died; "
                                              r"it is given up$"):
        dispatch.lose(9, "its node died")


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["take", "take", "finish", "lose"])), max_size=200))
def test_every_part_is_finished_once(count: int, events: list[tuple[int, str]]) -> None:
    parts = split(3 * count, 3)
    dispatch, finished = Dispatch(parts), list[Part]()
    held: dict[int, list[Part]] = {}
    losses: dict[int, int] = {}

    def happen(worker: int, event: str) -> None:
        mine = held.setdefault(worker, [])
        if event == "take" and (part := dispatch.take(worker)):
            mine.append(part)
        elif event == "finish" and mine:
            finished.append(mine[0])
            dispatch.finish(worker, mine.pop(0))
        elif event == "lose" and mine and losses.get(mine[0].index, 0) < MOST_LOSSES - 1:
            losses[mine[0].index] = losses.get(mine[0].index, 0) + 1
            assert dispatch.lose(worker, "it was killed") == held.pop(worker)
        assert dispatch.done == (len(finished) == len(parts))

    for worker, event in events:
        happen(worker, event)
    for worker in range(4):
        while held.get(worker):
            happen(worker, "finish")
    while not dispatch.done:
        happen(0, "take")
        happen(0, "finish")
    assert sorted(finished, key=lambda part: part.index) == parts
