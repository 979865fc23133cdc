"""The store of evaluations."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ngc.errors import StoreError
from ngc.evaluate.records import FAILED, FINISHED, Evaluation, PartResult, Prediction, Span
from ngc.evaluate.store import rows, tables
from ngc.evaluate.store.address import find_database
from ngc.evaluate.store.database import Database, create_missing
from ngc.evaluate.store.filters import Filter
from ngc.evaluate.store.migrate import migrate
from ngc.evaluate.store.summaries import accuracy_row, performance_row

_PAGE = 1000
"""Rows that are fetched at a time where there may be many."""

_ALL = Filter()


class Store:
    """Evaluations, their parts, predictions and traces, on SQLite or PostgreSQL; several processes may use the same one at once.

    A context manager. Every method is one transaction, and raises StoreError where the database cannot be read or written, or knows no evaluation of the id.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, address: str = "", name: str = "") -> Self:
        """Returns the store at an address, created or brought up to date where need be; see `find_database`.

        Raises:
            StoreError: the address says nothing that is possible, or the database cannot be reached, created, read or written, or is of a newer ngc.
        """
        found = find_database(address, name)
        if found.by_default:
            create_missing(found.url)
        database = Database(found.url)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._database.close()

    @property
    def place(self) -> str:
        """The database's file, or its address without the password."""
        return self._database.place

    def begin(self, evaluation: Evaluation) -> None:
        """Records an evaluation that begins, or, where it is there already, that it goes on with its parts."""
        machine, row = rows.machine_row(evaluation.machine), rows.evaluation_row(evaluation)
        with self._database.writing() as connection:
            _insert_unless_there(connection, tables.machines, machine)
            if not _insert_unless_there(connection, tables.evaluations, row):
                connection.execute(update(tables.evaluations).where(tables.evaluations.c.id == evaluation.id).values(row))

    def resumable(self, fingerprint: str) -> Evaluation | None:
        """Returns the newest evaluation of a fingerprint that is not FINISHED, or None."""
        found = self._evaluations([tables.evaluations.c.fingerprint == fingerprint, tables.evaluations.c.state != FINISHED], limit=1)
        return found[0] if found else None

    def evaluation(self, id: str) -> Evaluation:
        """Returns the evaluation of an id."""
        found = self._evaluations([tables.evaluations.c.id == id], limit=1)
        if not found:
            raise self._unknown(id)
        return found[0]

    def evaluations(self, filter: Filter = _ALL) -> list[Evaluation]:
        """Returns the evaluations that a filter lets through, newest first."""
        return self._evaluations(filter.conditions(), limit=None if filter.limit < 0 else filter.limit)

    def finished_parts(self, id: str) -> set[int]:
        """Returns the indices of the parts that are recorded."""
        with self._database.reading() as connection:
            return set(connection.scalars(select(tables.parts.c.part_index).where(tables.parts.c.evaluation_key == self._key(connection, id))))

    def add_part(self, id: str, result: PartResult, *, predictions: bool) -> bool:
        """Records a part with its trace and, where wanted, its predictions: all of it or nothing.

        Returns:
            False where the part is recorded already: another process has resumed the evaluation too. Nothing is changed then.
        """
        with self._database.writing() as connection:
            key = self._key(connection, id)
            if not _insert_unless_there(connection, tables.parts, rows.part_row(key, result)):
                return False
            if predictions and result.predictions:
                connection.execute(tables.predictions.insert(), [rows.prediction_row(key, prediction) for prediction in result.predictions])
            if result.spans:
                _put_trace(connection, key, result.part.index, result.spans)
            _touch(connection, key)
        return True

    def set_trace(self, id: str, spans: Iterable[Span]) -> None:
        """Records the spans outside of all parts, in place of those that were recorded before."""
        with self._database.writing() as connection:
            _put_trace(connection, self._key(connection, id), tables.OUTSIDE, spans)

    def finish(self, id: str, results: Mapping[str, Any]) -> None:
        """Records that an evaluation is FINISHED, with results of its mode, and sums its parts up in `model_accuracy` and `performance`."""
        with self._database.writing() as connection:
            key = self._key(connection, id)
            parts = _part_results(connection, key)
            for table, row in ((tables.model_accuracy, accuracy_row(parts)), (tables.performance, performance_row(parts))):
                connection.execute(delete(table).where(table.c.evaluation_key == key))
                connection.execute(table.insert(), {"evaluation_key": key, **row})
            _touch(connection, key, state=FINISHED, results=dict(results), error="")

    def fail(self, id: str, message: str) -> None:
        """Records that an evaluation FAILED, and why; it can be resumed. One that another process has FINISHED meanwhile stays so."""
        with self._database.writing() as connection:
            _touch(connection, self._key(connection, id), tables.evaluations.c.state != FINISHED, state=FAILED, error=message)

    def part_results(self, id: str) -> list[PartResult]:
        """Returns the recorded parts in order, without predictions and spans."""
        with self._database.reading() as connection:
            return _part_results(connection, self._key(connection, id))

    def spans(self, id: str) -> list[Span]:
        """Returns the spans outside of all parts, then those of each part in order."""
        with self._database.reading() as connection:
            of_evaluation = tables.traces.c.evaluation_key == self._key(connection, id)
            packed = connection.scalars(select(tables.traces.c.spans).where(of_evaluation).order_by(tables.traces.c.part_index))
            return [span for part in packed for span in rows.unpack_spans(part)]

    def predictions(
        self, id: str, *, expected: int | None = None, answered: int | None = None, wrong: bool = False, failed: bool = False, limit: int | None = None,
        offset: int = 0,
    ) -> list[Prediction]:
        """Returns predictions in the order of their inputs, from the `offset`th on and `limit` at most.

        Args:
            id: of the evaluation.
            expected: the class that the data set says.
            answered: the most probable class.
            wrong: only those with an expected class, and another one as their answer.
            failed: only those without an answer.
            limit: None for all.
            offset: how many are left out at the beginning.
        """
        table = tables.predictions
        with self._database.reading() as connection:
            conditions = _of_predictions(self._key(connection, id), expected, answered, wrong, failed)
            columns = (table.c.input_index, table.c.input_id, table.c.expected, table.c.features, table.c.error)
            query = select(*columns).where(*conditions).order_by(table.c.input_index).limit(limit).offset(offset)
            return [rows.prediction(row) for row in connection.execute(query, execution_options={"yield_per": _PAGE})]

    def count_predictions(self, id: str, *, expected: int | None = None, answered: int | None = None, wrong: bool = False, failed: bool = False) -> int:
        """Returns how many predictions there are; see `predictions`."""
        with self._database.reading() as connection:
            conditions = _of_predictions(self._key(connection, id), expected, answered, wrong, failed)
            return connection.execute(select(func.count()).select_from(tables.predictions).where(*conditions)).scalar_one()

    def _evaluations(self, conditions: list[ColumnElement[bool]], limit: int | None) -> list[Evaluation]:
        newest_first = (tables.evaluations.c.created_at.desc(), tables.evaluations.c.key.desc())
        query = select(tables.evaluations, tables.machines).join(tables.machines).where(*conditions).order_by(*newest_first).limit(limit)
        with self._database.reading() as connection:
            return [rows.evaluation(row) for row in connection.execute(query)]

    def _key(self, connection: Connection, id: str) -> int:
        key: int | None = connection.scalar(select(tables.evaluations.c.key).where(tables.evaluations.c.id == id))
        if key is None:
            raise self._unknown(id)
        return key

    def _unknown(self, id: str) -> StoreError:
        return StoreError(f"database {self._database.place}: there is no evaluation {id!r}")


def _insert_unless_there(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Inserts a row; returns False where one of the same key is there, also one that another transaction was about to insert."""
    insert = sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    return connection.execute(insert.values(row).on_conflict_do_nothing().returning(*table.primary_key)).first() is not None


def _put_trace(connection: Connection, key: int, part_index: int, spans: Iterable[Span]) -> None:
    connection.execute(delete(tables.traces).where(tables.traces.c.evaluation_key == key, tables.traces.c.part_index == part_index))
    connection.execute(tables.traces.insert(), {"evaluation_key": key, "part_index": part_index, "spans": rows.pack_spans(spans)})


def _touch(connection: Connection, key: int, *conditions: ColumnElement[bool], **values: Any) -> None:
    """Updates columns of an evaluation that meets conditions, and the time of its last change."""
    connection.execute(update(tables.evaluations).where(tables.evaluations.c.key == key, *conditions).values(updated_at=datetime.now(UTC), **values))


def _part_results(connection: Connection, key: int) -> list[PartResult]:
    query = select(tables.parts).where(tables.parts.c.evaluation_key == key).order_by(tables.parts.c.part_index)
    return [rows.part_result(row) for row in connection.execute(query)]


def _of_predictions(key: int, expected: int | None, answered: int | None, wrong: bool, failed: bool) -> list[ColumnElement[bool]]:
    columns = tables.predictions.c
    wanted = [(columns.expected, expected), (columns.answered, answered), (columns.outcome, tables.WRONG if wrong else None),
              (columns.outcome, tables.FAILED if failed else None)]  # fmt: skip
    return [columns.evaluation_key == key, *(column == value for column, value in wanted if value is not None)]
