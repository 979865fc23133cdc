"""The store, on both databases."""

import math
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ngc.errors import StoreError
from ngc.evaluate.accuracy import Tally
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part
from ngc.evaluate.records import FAILED, FINISHED, RUNNING, Evaluation, Machine, PartResult, Prediction, Span
from ngc.evaluate.store import Filter, Store
from ngc.evaluate.store.summaries import accuracy_row
from tests.evaluate.store.samples import BEGIN, MACHINE, evaluation, part_result, part_results


def _new_id() -> str:
    return uuid.uuid4().hex


def _column(store: Store, query: str) -> list[object]:
    with store._database.reading() as connection:
        return list(connection.scalars(text(query)))


def test_an_evaluation_comes_back_as_it_was(store: Store) -> None:
    machine = Machine(**{**vars(MACHINE), "hostname": "other", "gpu": "NVIDIA H100", "gpu_driver": "550.1"})
    kept = evaluation("a", settings={"nested": {"$float": [1, None, True]}}, dataset_name="häuser\udcff", error="", machine=machine)
    store.begin(kept)
    assert store.evaluation("a") == kept
    assert store.evaluations() == [kept]
    assert store.evaluation("a").created_at.tzinfo is not None


def test_times_of_any_zone_are_kept(store: Store) -> None:
    local = BEGIN.astimezone(timezone(timedelta(hours=5, minutes=30)))
    store.begin(evaluation("a", created_at=local))
    found = store.evaluation("a").created_at
    assert (found, found.utcoffset()) == (BEGIN, timedelta(0))
    with pytest.raises(StoreError, match=r"the time 2024-11-26 12:30:15\.250000 has no time zone"):
        store.begin(evaluation("b", created_at=BEGIN.replace(tzinfo=None)))


def test_one_machine_is_one_row(store: Store) -> None:
    for id in "abc":
        store.begin(evaluation(id, machine=replace(MACHINE, hostname="other") if id == "c" else MACHINE))
    assert sorted(map(str, _column(store, "SELECT hostname FROM machines"))) == ["host", "other"]


def test_an_evaluation_that_begins_again_keeps_its_parts(store: Store) -> None:
    store.begin(evaluation("a"))
    store.add_part("a", part_result(0), predictions=True)
    store.fail("a", "out of memory")
    assert (store.evaluation("a").state, store.evaluation("a").error) == (FAILED, "out of memory")
    store.begin(evaluation("a", machine=replace(MACHINE, hostname="other")))
    found = store.evaluation("a")
    assert (found.state, found.error, found.machine.hostname) == (RUNNING, "", "other")
    assert store.finished_parts("a") == {0}


def test_the_newest_unfinished_evaluation_of_a_fingerprint_is_resumed(store: Store) -> None:
    assert store.resumable("abc") is None
    for minute, id in enumerate(("oldest", "failed", "running", "finished")):
        store.begin(evaluation(id, created_at=BEGIN + timedelta(minutes=minute)))
    store.begin(evaluation("other", created_at=BEGIN + timedelta(hours=1), fingerprint="abd"))
    store.finish("finished", {})
    store.fail("failed", "why")
    for expected in ("running", "failed", "oldest"):
        found = store.resumable("abc")
        assert found is not None
        assert found.id == expected
        store.finish(expected, {})
    assert store.resumable("abc") is None


def test_a_part_is_recorded_once(store: Store) -> None:
    store.begin(evaluation("a"))
    assert store.add_part("a", part_result(1), predictions=True)
    assert not store.add_part("a", replace(part_result(1), durations_us=(1.0,), predictions=(), spans=()), predictions=True)
    assert store.add_part("a", part_result(0), predictions=True)
    assert store.finished_parts("a") == {0, 1}
    assert store.part_results("a") == [replace(part_result(index), predictions=(), spans=()) for index in (0, 1)]
    assert store.predictions("a") == [*part_result(0).predictions, *part_result(1).predictions]
    assert store.spans("a") == [*part_result(0).spans, *part_result(1).spans]
    assert store.evaluation("a").updated_at > BEGIN


def test_predictions_are_recorded_where_wanted(store: Store) -> None:
    store.begin(evaluation("a"))
    store.add_part("a", part_result(0), predictions=False)
    assert (store.predictions("a"), store.count_predictions("a"), store.spans("a")) == ([], 0, list(part_result(0).spans))


def test_a_part_that_cannot_be_recorded_leaves_nothing(store: Store) -> None:
    store.begin(evaluation("a"))
    store.add_part("a", part_result(0), predictions=True)
    overlapping = replace(part_result(1), predictions=part_result(0).predictions)
    with pytest.raises(StoreError, match=r"(UNIQUE constraint failed|duplicate key value violates unique constraint)"):
        store.add_part("a", overlapping, predictions=True)
    assert store.finished_parts("a") == {0}
    assert store.spans("a") == list(part_result(0).spans)
    assert store.add_part("a", part_result(1), predictions=True)


def test_of_processes_that_resume_the_same_evaluation_one_records_each_part(address: str) -> None:
    with Store.open(address) as first, Store.open(address) as second:
        first.begin(evaluation("a"))
        recorded: list[bool] = []
        start = threading.Barrier(2)

        def add(store: Store) -> None:
            start.wait()
            recorded.extend(store.add_part("a", part_result(index), predictions=True) for index in range(20))

        threads = [threading.Thread(target=add, args=(store,)) for store in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(recorded) == [False] * 20 + [True] * 20
        assert first.count_predictions("a") == 80


def test_spans_outside_of_parts_come_first_and_are_replaced(store: Store) -> None:
    store.begin(evaluation("a"))
    store.add_part("a", part_result(0), predictions=False)
    span = Span("evaluate", TraceLevel.APPLICATION_TRACE, "t", "s", "", 0, 100, {"loss": math.inf, "shape": (1, 3)})
    store.set_trace("a", [span, span])
    store.set_trace("a", [span])
    assert store.spans("a") == [span, *part_result(0).spans]


def test_a_finished_evaluation_is_summed_up(store: Store) -> None:
    store.begin(evaluation("a"))
    for index in range(3):
        store.add_part("a", part_result(index), predictions=True)
    for _ in range(2):  # a second time changes nothing
        store.finish("a", {"qps": 105.5, "bound": math.inf, "unknown": math.nan})
    found = store.evaluation("a")
    assert (found.state, found.error, found.results["qps"], found.results["bound"]) == (FINISHED, "", 105.5, math.inf)
    assert math.isnan(found.results["unknown"])
    total = sum((result.tally for result in store.part_results("a")), Tally())
    with store._database.reading() as connection:
        accuracy = connection.execute(text("SELECT labelled, unlabelled, failures, top_1, top_5, calibration_error FROM model_accuracy")).one()
        speed = connection.execute(text("SELECT inputs, batches, total_us, mean_us, min_us, median_us, p90_us, p99_us, max_us FROM performance")).one()
    assert tuple(accuracy) == (9, 0, 3, total.top1_accuracy, 1.0, total.calibration_error)
    assert tuple(speed) == pytest.approx((12, 6, 904.5, 150.75, 100.0, 151.25, 200.5, 200.5, 200.5), rel=1e-15)  # sums of six doubles


def test_what_another_process_has_finished_does_not_fail(store: Store) -> None:
    store.begin(evaluation("a"))
    store.finish("a", {})
    store.fail("a", "too late")
    assert (store.evaluation("a").state, store.evaluation("a").error) == (FINISHED, "")


def test_many_parts_are_summed_up_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding one part's counts at a time copies all those before it: 50,000 parts of one input took 15 seconds, with the database locked."""
    monkeypatch.setattr(Tally, "__add__", lambda one, other: pytest.fail("added one by one"))
    parts = [PartResult(Part(at, at, at + 1), (1.0,), Tally(labelled=1, top1=at % 2, top5=1, confusion={(at, at): 1})) for at in range(100)]
    assert accuracy_row(parts) == {"labelled": 100, "unlabelled": 0, "failures": 0, "top_1": 0.5, "top_5": 1.0, "calibration_error": 0.0}


def test_rows_of_an_evaluation_go_with_it_and_none_is_without_one(store: Store) -> None:
    store.begin(evaluation("a"))
    store.add_part("a", part_result(0), predictions=True)
    store.finish("a", {})
    of_evaluation = ("parts", "predictions", "traces", "model_accuracy", "performance")
    assert [_column(store, f"SELECT count(*) FROM {table}") for table in of_evaluation] == [[1], [4], [1], [1], [1]]
    with store._database.writing() as connection:
        connection.execute(text("DELETE FROM evaluations"))
    assert [_column(store, f"SELECT count(*) FROM {table}") for table in of_evaluation] == [[0]] * 5
    with pytest.raises(StoreError, match=r"(FOREIGN KEY constraint failed|violates foreign key constraint)"), store._database.writing() as connection:
        connection.execute(text("INSERT INTO traces VALUES (7, 0, '')"))


def test_an_evaluation_without_parts_is_summed_up_as_unknown(store: Store) -> None:
    store.begin(evaluation("a", mode="max-qps"))
    store.finish("a", {"qps": 1.0})
    assert _column(store, "SELECT top_1 FROM model_accuracy") == [None]
    assert _column(store, "SELECT median_us FROM performance") == [None]


def test_durations_that_are_no_numbers_are_kept(store: Store) -> None:
    store.begin(evaluation("a"))
    store.add_part("a", PartResult(Part(0, 0, 1), (math.nan, 1.5, -math.inf), Tally(), (Prediction(0, "", None, ((3, math.nan),)),)), predictions=True)
    durations = store.part_results("a")[0].durations_us
    assert math.isnan(durations[0])
    assert durations[1:] == (1.5, -math.inf)
    assert math.isnan(store.predictions("a")[0].features[0][1])
    store.finish("a", {})
    assert _column(store, "SELECT mean_us FROM performance") == [None]


@pytest.mark.parametrize("use", [
    lambda store: store.evaluation("b"), lambda store: store.finished_parts("b"), lambda store: store.add_part("b", part_result(0), predictions=True),
    lambda store: store.finish("b", {}), lambda store: store.fail("b", ""), lambda store: store.part_results("b"), lambda store: store.spans("b"),
    lambda store: store.set_trace("b", []), lambda store: store.predictions("b"), lambda store: store.count_predictions("b"),
])  # fmt: skip
def test_unknown_evaluations_are_refused(shared_store: Store, use) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(StoreError, match=r"database .*: there is no evaluation 'b'$"):
        use(shared_store)


@settings(max_examples=20)
@given(data=st.data())
def test_parts_come_back_as_they_were(shared_store: Store, data: st.DataObject) -> None:
    results = [data.draw(part_results(index)) for index in range(data.draw(st.integers(1, 2)))]
    id = _new_id()
    shared_store.begin(evaluation(id))
    for result in results:
        shared_store.add_part(id, result, predictions=True)
    assert shared_store.part_results(id) == [replace(result, predictions=(), spans=()) for result in results]
    assert shared_store.predictions(id) == [prediction for result in results for prediction in result.predictions]
    assert shared_store.spans(id) == [span for result in results for span in result.spans]


@pytest.fixture(scope="session")
def listed(shared_store: Store) -> tuple[str, list[Prediction]]:
    """Returns an evaluation of 60 predictions, with every combination of expected, answered and failed among them."""
    id, classes = _new_id(), (None, 0, 1, 2)
    predictions = tuple(
        Prediction(at, str(at), classes[at % 4], () if at % 5 == 0 else ((at // 4 % 3, 0.5),), "broken" if at % 5 == 0 else "") for at in range(60))
    shared_store.begin(evaluation(id))
    shared_store.add_part(id, PartResult(Part(0, 0, 60), (), Tally(), predictions), predictions=True)
    return id, list(predictions)


@settings(max_examples=50)
@given(
    expected=st.none() | st.integers(0, 3), answered=st.none() | st.integers(0, 3), wrong=st.booleans(), failed=st.booleans(),
    limit=st.none() | st.integers(0, 70), offset=st.integers(0, 70),
)  # fmt: skip
def test_predictions_are_filtered_as_python_does(
    shared_store: Store, listed: tuple[str, list[Prediction]], expected: int | None, answered: int | None, wrong: bool, failed: bool, limit: int | None,
    offset: int,
) -> None:  # fmt: skip
    id, predictions = listed
    wanted = [
        item for item in predictions
        if (expected is None or item.expected == expected) and (answered is None or (bool(item.features) and item.features[0][0] == answered))
        and (not failed or item.error) and (not wrong or (not item.error and item.expected is not None and item.expected != item.features[0][0]))
    ]  # fmt: skip
    assert shared_store.count_predictions(id, expected=expected, answered=answered, wrong=wrong, failed=failed) == len(wanted)
    found = shared_store.predictions(id, expected=expected, answered=answered, wrong=wrong, failed=failed, limit=limit, offset=offset)
    assert found == wanted[offset:][:limit]


_OF_EVALUATION = ("model_name", "model_version", "framework_name", "framework_version", "dataset_name", "precision", "target", "mode", "state")


@pytest.fixture(scope="session")
def described(new_address: Callable[[], str]) -> Iterator[Store]:
    """Returns a store of evaluations that differ in all that filters ask for."""
    with Store.open(new_address()) as store:
        for at in range(24):
            words = {name: f"{name} {at >> number & 1}" for number, name in enumerate(_OF_EVALUATION)}
            machine = replace(MACHINE, architecture=f"architecture {at % 3}", hostname=f"hostname {at % 4}")
            store.begin(evaluation(str(at), created_at=BEGIN + timedelta(minutes=at // 2), batch_size=1 + at % 2, machine=machine, **words))
        yield store


@settings(max_examples=40)
@given(
    wanted=st.fixed_dictionaries({}, optional={
        **{name: st.sampled_from([f"{name} 0", f"{name} 1"]) for name in (*_OF_EVALUATION, "architecture", "hostname")},
        "batch_size": st.integers(1, 2), "since": st.integers(0, 12).map(lambda minutes: BEGIN + timedelta(minutes=minutes)), "limit": st.integers(0, 5),
    }),
)  # fmt: skip
def test_evaluations_are_filtered_as_python_does(described: Store, wanted: dict[str, object]) -> None:
    def fits(kept: Evaluation) -> bool:
        values = {**vars(kept), **vars(kept.machine)}
        since = wanted.get("since", kept.created_at)
        assert isinstance(since, datetime)
        return kept.created_at >= since and all(values[name] == value for name, value in wanted.items() if name not in ("since", "limit"))

    fitting = [kept for kept in described.evaluations() if fits(kept)]
    assert described.evaluations(Filter(**wanted)) == fitting[: wanted.get("limit")]  # type: ignore[arg-type, misc]


def test_evaluations_are_listed_newest_first(described: Store) -> None:
    assert [kept.id for kept in described.evaluations()] == [str(at) for at in reversed(range(24))]
