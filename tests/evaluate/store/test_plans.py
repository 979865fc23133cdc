"""Listing predictions never sorts, nor reads those of other evaluations: the databases' own plans say so."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event

from ngc.evaluate.store import Store
from tests.evaluate.store.samples import evaluation, part_result

_FILTERS: list[dict[str, Any]] = [
    {}, {"expected": 1}, {"answered": 1}, {"wrong": True}, {"failed": True}, {"expected": 1, "wrong": True}, {"answered": 1, "wrong": True},
    {"expected": 1, "answered": 2},
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(new_address: Callable[[], str]) -> Iterator[Store]:
    """Returns a store with some predictions, of which the database has statistics."""
    with Store.open(new_address()) as store:
        for id in "abc":
            store.begin(evaluation(id))
            store.add_part(id, part_result(0, 100), predictions=True)
        with store._database.writing() as connection:
            connection.exec_driver_sql("ANALYZE")
        yield store


def _plan(store: Store, statement: str, parameters: Any) -> list[str]:
    with store._database.reading() as connection:
        if connection.dialect.name == "sqlite":
            return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        for kind in ("seqscan", "bitmapscan", "sort"):  # a server prefers them for tables as small as this test's
            connection.exec_driver_sql(f"SET LOCAL enable_{kind} = off")
        return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]


def _statement(store: Store, use: Any) -> tuple[str, Any]:
    """Returns the last statement that `use` executes, with its parameters."""
    executed = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        executed.append((statement, parameters))

    event.listen(store._database._engine, "before_cursor_execute", note)
    use()
    event.remove(store._database._engine, "before_cursor_execute", note)
    return executed[-1]


@pytest.mark.parametrize("wanted", _FILTERS, ids=str)
def test_predictions_are_listed_in_the_order_of_an_index(filled: Store, wanted: dict[str, Any]) -> None:
    plan = _plan(filled, *_statement(filled, lambda: filled.predictions("b", **wanted, limit=10, offset=5)))
    indexes = [f"predictions_by_{column}" for column in ("expected", "answered") if column in wanted]
    indexes = indexes or (["predictions_by_outcome"] if wanted else ["predictions_pkey", "PRIMARY KEY"])
    steps = [step.partition(" (")[0].strip() for step in plan if "predictions" in step]
    expected = [f"SEARCH predictions USING {index}" for name in indexes for index in (name, f"INDEX {name}")]
    assert steps in [[step] for step in (*expected, *(f"->  Index Scan using {name} on predictions" for name in indexes))]
    assert not any("Sort" in step or "TEMP B-TREE" in step for step in plan)
