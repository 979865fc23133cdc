"""Databases that cannot be used: what users are told, and that nothing is lost."""

import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from ngc.errors import StoreError
from ngc.evaluate.store import Store
from ngc.evaluate.store.address import find_database
from ngc.evaluate.store.database import Database
from tests.evaluate.store.postgres import PASSWORD, Server
from tests.evaluate.store.samples import evaluation, part_result

_CHOOSE = "choose another one with --database_address"


def _fails(message: str) -> "pytest.RaisesExc[StoreError]":
    return pytest.raises(StoreError, match=f"^{message}$")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Returns a database with an evaluation of one part."""
    path = tmp_path / "runs.db"
    with Store.open(str(path)) as store:
        store.begin(evaluation("a"))
        store.add_part("a", part_result(0), predictions=True)
    return path


def _is_kept(store: Store) -> bool:
    """Returns whether the first part is there as it was, and no other."""
    return store.finished_parts("a") == {0} and store.predictions("a") == list(part_result(0).predictions) and store.spans("a") == list(part_result(0).spans)


def test_a_full_disk_loses_nothing(file: Path) -> None:
    with Store.open(str(file)) as store:
        with store._database.reading() as connection:  # the store's only connection, which it keeps
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        message = f"database {file}: there is no space left on its disk; what was stored before is kept; make space and run again, which resumes"
        with _fails(message):
            store.add_part("a", part_result(1, 2000), predictions=True)
        assert _is_kept(store)
        with store._database.reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert store.add_part("a", part_result(1), predictions=True)


def test_a_disk_that_fails_loses_nothing(file: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Store.open(str(file)) as store:
        assert _is_kept(store)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # writing behind that fails with EFBIG, which is no full disk to SQLite
        try:
            with _fails(f"database {file}: its disk cannot be read or written; what was stored before is kept; check the disk"):
                store.add_part("a", part_result(1, 4000), predictions=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert _is_kept(store)
        assert store.add_part("a", part_result(1), predictions=True)


def test_a_full_disk_of_a_server_loses_nothing(server: Server) -> None:
    with Store.open(server.address(), "full disk") as store:
        store.begin(evaluation("a"))
        store.add_part("a", part_result(0), predictions=True)
        with store._database.writing() as connection:
            connection.exec_driver_sql("CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS "
                                       "'BEGIN RAISE disk_full USING MESSAGE = ''could not extend file''; END'")  # fmt: skip
            connection.exec_driver_sql("CREATE TRIGGER full_disk BEFORE INSERT ON traces EXECUTE FUNCTION fill()")
        message = (rf"database postgresql://evaluator:\*\*\*@127\.0\.0\.1:{server.port}/full disk: could not extend file; there is no space left on the "
                   "server's disk; what was stored before is kept; make space and run again, which resumes")  # fmt: skip
        with _fails(message):
            store.add_part("a", part_result(1), predictions=True)
        assert _is_kept(store)
        with store._database.writing() as connection:
            connection.exec_driver_sql("DROP TRIGGER full_disk ON traces")
        assert store.add_part("a", part_result(1), predictions=True)


@contextmanager
def _unprivileged() -> Iterator[None]:
    """For the time of a `with`, files' permissions are heeded, which root does not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def protected(file: Path) -> Iterator[Path]:
    """Returns a database that may only be read, in a folder in which nothing may be written."""
    folder = Path(tempfile.mkdtemp(prefix="ngc-store-"))
    shutil.copy(file, folder / "runs.db")
    (folder / "runs.db").chmod(0o444)
    folder.chmod(0o555)
    yield folder / "runs.db"
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_file_that_may_only_be_read_is_not_written(protected: Path) -> None:
    protected.parent.chmod(0o777)
    with _unprivileged(), Store.open(str(protected)) as store:
        assert _is_kept(store)
        with _fails(f"database {protected}: it is read-only; make the file and its folder writable, or choose another file with --database_address"):
            store.add_part("a", part_result(1), predictions=True)


def test_a_folder_that_may_only_be_read_is_refused(protected: Path) -> None:
    cannot = "the file cannot be opened; check that its folder is there and may be read and written by you"
    with _unprivileged(), _fails(f"database {protected}: it is read-only; make the file and its folder writable, or choose another file with .*"):
        Store.open(str(protected))
    with _unprivileged(), _fails(f"database {protected.with_name('new.db')}: {cannot}"):
        Store.open(str(protected.with_name("new.db")))
    with _unprivileged(), _fails(rf"database {protected.parent}/new/new\.db: its folder cannot be made \(Permission denied\); {_CHOOSE}"):
        Store.open(str(protected.parent / "new" / "new.db"))


def test_a_folder_that_is_a_file_is_refused(file: Path) -> None:
    with _fails(rf"database {file}/new\.db: its folder cannot be made \(File exists\); {_CHOOSE}"):
        Store.open(str(file / "new.db"))


def test_what_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are notes, and no database\n" * 50)
    with _fails(f"database {path}: the file is no SQLite database; {_CHOOSE}"):
        Store.open(str(path))
    assert path.read_text().startswith("these are notes")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with _fails(f"database {tmp_path}: the file cannot be opened; check that its folder is there and may be read and written by you"):
        Store.open(str(tmp_path))


def test_a_damaged_database_is_refused(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100:8000] = b"\xff" * 7900  # the pages of the schema, behind the header
    file.write_bytes(data)
    with _fails(f"database {file}: the file is damaged; bring it back from a copy, or {_CHOOSE}"):
        Store.open(str(file))


def test_a_writer_waits_for_another_one_only_so_long(file: Path) -> None:
    store = Store(Database(find_database(str(file), "").url, lock_seconds=0.05))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert _is_kept(store)  # readers do not wait
    with _fails(f"database {file}: another process has kept it locked; what was stored before is kept; wait for that process, or end it, and run again"):
        store.add_part("a", part_result(1), predictions=True)
    other.execute("ROLLBACK")
    other.close()
    assert store.add_part("a", part_result(1), predictions=True)
    store.close()



def test_a_file_of_another_journal_is_opened_once_its_writer_is_done(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (number INTEGER)")
    other.execute("BEGIN IMMEDIATE")
    hasty = Database(find_database(str(path), "").url, lock_seconds=0.05)
    with _fails(f"database {path}: another process has kept it locked; .*"), hasty.reading():
        pass
    threading.Timer(0.2, lambda: other.execute("COMMIT")).start()
    with Store.open(str(path)) as store:
        store.begin(evaluation("a"))
    other.close()
    with closing(sqlite3.connect(path)) as later:
        assert later.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_server_that_does_not_answer_is_named() -> None:
    with _fails(r"database postgresql://me:\*\*\*@127\.0\.0\.1:1/ngc_eval: connection failed: connection to server at .*127\.0\.0\.1.*Connection refused.*"
                "; check the address, and that the server runs") as failure:
        Store.open("postgresql://me:secret@127.0.0.1:1")
    assert "secret" not in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("address", [lambda server: server.address("postgres", "guess"), lambda server: server.address("", "guess"),
                                     lambda server: f"postgresql://evaluator@127.0.0.1:{server.port}/postgres?password=guess"])  # fmt: skip
def test_a_wrong_password_is_refused_and_not_shown(server: Server, address: Callable[[Server], str]) -> None:
    with _fails(rf"database postgresql://evaluator(:\*\*\*)?@127\.0\.0\.1:{server.port}/[a-z_]+: .*password authentication failed for user \"evaluator\""
                "; check the address, and that the server runs") as failure:
        Store.open(address(server))
    assert "guess" not in str(failure.value)


def test_a_database_that_the_address_names_is_not_created(server: Server) -> None:
    with _fails(r"database postgresql://.*/absent: .*database \"absent\" does not exist; check the address, and that the server runs"):
        Store.open(server.address("absent"))


def test_a_database_that_may_only_be_read_is_not_written(server: Server) -> None:
    Store.open(server.address(), "read_only").close()
    with Store.open(server.address("read_only") + "?options=-c%20default_transaction_read_only%3Don") as store:
        assert store.evaluations() == []
        with _fails("database postgresql://.*/read_only.*: cannot execute INSERT in a read-only transaction; it is read-only; name a server that takes "
                    "writes in the address"):  # fmt: skip
            store.begin(evaluation("a"))


def test_a_user_that_may_create_no_database_is_told(server: Server) -> None:
    with Store.open(server.address(), "roles") as store, store._database.writing() as connection:
        connection.exec_driver_sql("CREATE ROLE guest LOGIN PASSWORD 'guest word'")
    address = f"postgresql://guest:guest%20word@127.0.0.1:{server.port}"
    with _fails("database postgresql://guest:.*/new: permission denied to create database; this user may not do that; grant it, or name another user in "
                "the address"):  # fmt: skip
        Store.open(address, "new")
    with _fails("database postgresql://guest:.*/roles: permission denied for table ngc_version; this user may not do that; .*"):
        Store.open(address + "/roles")


def test_without_its_driver_a_server_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with _fails(r"PostgreSQL needs the package psycopg, which does not load \(.*psycopg.*\): pip install 'ngc\[eval\]'"):
        Store.open("postgresql://host/database")


def test_connections_that_were_lost_are_replaced(server: Server) -> None:
    with Store.open(server.address(), "lost") as store:
        store.begin(evaluation("a"))
        store.add_part("a", part_result(0), predictions=True)
        with psycopg.connect(host="127.0.0.1", port=server.port, user="evaluator", password=PASSWORD, dbname="lost", autocommit=True) as other:
            end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'lost' AND pid <> pg_backend_pid()"
            other.execute(end_all)
            assert _is_kept(store)
            with _fails("database postgresql://.*/lost: .*terminating connection.*; the connection was lost; what was stored before is kept; run again, "
                        "which resumes"), store._database.writing() as connection:
                other.execute(end_all)
                connection.exec_driver_sql("DELETE FROM parts")
        assert _is_kept(store)
