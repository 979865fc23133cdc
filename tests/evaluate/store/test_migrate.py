"""Databases of other versions of ngc."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from ngc.errors import StoreError
from ngc.evaluate.records import FINISHED
from ngc.evaluate.store import Store, tables
from ngc.evaluate.store.address import find_database
from ngc.evaluate.store.database import Database
from ngc.evaluate.store.migrate import REVISIONS, VERSION_TABLE, migrate
from tests.evaluate.store.postgres import PASSWORD, USER
from tests.evaluate.store.samples import evaluation, part_result

_SHIPPED = Path(__file__).parent / "shipped"
"""Databases as the revisions were when they were released, as SQL, each with the evaluation of `_fill`."""

_NEXT = '''"""A revision that this ngc does not have."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "1"


def upgrade() -> None:
    op.add_column("evaluations", sa.Column("note", sa.Text, nullable=False, server_default="none"))
    op.execute("UPDATE evaluations SET note = 'was ' || state")
    op.create_index("evaluations_by_note", "evaluations", ["note"])
'''


def _fill(store: Store) -> None:
    """Records a finished evaluation of two parts, and one that was interrupted after one."""
    for id, parts in (("finished", 2), ("interrupted", 1)):
        store.begin(evaluation(id, parts=2, fingerprint=id))
        for index in range(parts):
            store.add_part(id, part_result(index), predictions=True)
    store.finish("finished", {"qps": float("inf")})


def _check(store: Store) -> None:
    """Checks that all is there that `_fill` records."""
    for id, parts in (("finished", 2), ("interrupted", 1)):
        results = [part_result(index) for index in range(parts)]
        assert [result.tally for result in store.part_results(id)] == [result.tally for result in results]
        assert store.predictions(id) == [prediction for result in results for prediction in result.predictions]
        assert store.spans(id) == [span for result in results for span in result.spans]
        assert store.evaluation(id).machine == evaluation("").machine
    assert (store.evaluation("finished").state, store.evaluation("finished").results) == (FINISHED, {"qps": float("inf")})
    found = store.resumable("interrupted")
    assert found is not None
    assert store.finished_parts(found.id) == {0}


def _load(address: str, revision: str) -> None:
    """Fills an empty database with one as shipped."""
    url = find_database(address, "").url
    if url.get_backend_name() == "sqlite":
        connection = sqlite3.connect(str(url.database))
        connection.executescript((_SHIPPED / f"{revision}.sqlite.sql").read_text())
        connection.close()
        return
    import psycopg

    with psycopg.connect(host=url.host, port=url.port or 0, user=USER, password=PASSWORD, dbname=url.database) as server:
        server.execute((_SHIPPED / f"{revision}.postgresql.sql").read_text().encode())


@pytest.mark.parametrize("revision", sorted({path.name.partition(".")[0] for path in _SHIPPED.iterdir()}))
def test_databases_of_every_revision_open_with_all_that_is_in_them(address: str, revision: str) -> None:
    _load(address, revision)
    with Store.open(address) as store:
        _check(store)
        with store._database.reading() as connection:
            assert compare_metadata(_context(connection), tables.METADATA) == []
        assert store.add_part("interrupted", part_result(1), predictions=True)


def _context(connection: object) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})  # type: ignore[arg-type]


def test_the_tables_are_those_that_the_code_uses(store: Store) -> None:
    with store._database.reading() as connection:
        assert compare_metadata(_context(connection), tables.METADATA) == []


def _next_revisions(folder: Path) -> Path:
    """Returns revisions as a later ngc may have them: this one's, and another one."""
    later = folder / "100% later"
    shutil.copytree(REVISIONS, later)
    (later / "versions" / "revision_next.py").write_text(_NEXT)
    return later


def _notes(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.scalars(text("SELECT note FROM evaluations ORDER BY id")))


def test_a_database_is_brought_up_to_date_once(address: str, tmp_path: Path) -> None:
    with Store.open(address) as store:
        _fill(store)
        for _ in range(2):
            migrate(store._database, _next_revisions(tmp_path / str(_)))
            assert _notes(store._database) == ["was finished", "was running"]
        _check(store)


def test_a_newer_database_is_refused_and_kept(address: str, tmp_path: Path) -> None:
    with Store.open(address) as store:
        _fill(store)
        migrate(store._database, _next_revisions(tmp_path))
        with pytest.raises(StoreError, match=r"^database .*: it was written by a newer ngc \(its revision is 'next', this ngc knows those up to '1'\); upgrade "
                                             "ngc, or choose another database with --database_address$"):  # fmt: skip
            Store.open(address)
        _check(store)


def test_an_upgrade_that_fails_changes_nothing(address: str, tmp_path: Path) -> None:
    later = _next_revisions(tmp_path)
    (later / "versions" / "revision_next.py").write_text(_NEXT + '    op.execute("SELECT * FROM nowhere")\n')
    with Store.open(address) as store:
        _fill(store)
        with pytest.raises(StoreError, match="nowhere"):
            migrate(store._database, later)
        with pytest.raises(StoreError, match="note"):
            _notes(store._database)
        _check(store)
    with Store.open(address) as store:
        _check(store)


def test_a_database_may_be_shared_with_another_program_that_uses_alembic(address: str) -> None:
    database = Database(find_database(address, "").url)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")
    database.close()
    with Store.open(address) as store:
        _fill(store)
        _check(store)
