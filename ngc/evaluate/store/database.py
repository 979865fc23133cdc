"""Connections and transactions, with what each kind of database needs.

SQLite: write-ahead logging, so that readers and one writer do not wait for each other; foreign keys on; a writer takes the lock when its transaction begins,
because a reader that turns writer in the middle is refused at once where another has written since (https://www.sqlite.org/isolation.html).
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.pool import NullPool

from ngc.errors import StoreError
from ngc.evaluate.store.columns import dump_json, load_json
from ngc.evaluate.store.failures import stated

LOCK_SECONDS = 30.0
"""How long a process waits for others that write to the same SQLite file."""

CONNECT_SECONDS = 10
"""How long a server may take to answer."""

_MAINTENANCE = "postgres"
"""The database that every PostgreSQL server has, from which others are created."""

LOCK = 0x6E67635F6576616C
"""PostgreSQL's advisory locks have numbers for names; this one, for what only one process may do at a time, is "ngc_eval" in ASCII."""


class Database:
    """An SQLite file, made with its folder where it is missing, or a database of a PostgreSQL server.

    Attributes:
        place: what errors call it: the file, or the address without its password.
    """

    def __init__(self, url: URL, lock_seconds: float = LOCK_SECONDS) -> None:
        """
        Raises:
            StoreError: the folder cannot be made, or the driver is missing.
        """
        self.place = url.database or "" if url.get_backend_name() == "sqlite" else _shown(url)
        if url.get_backend_name() == "sqlite":
            _make_folder(Path(self.place))
            self._engine = _engine(url, {"timeout": lock_seconds})
            _set_up_sqlite(self._engine, lock_seconds)
        else:
            self._engine = _engine(url, {"connect_timeout": CONNECT_SECONDS}, pool_pre_ping=True)  # a server ends connections that were long idle

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads.

        Raises:
            StoreError: the database cannot be reached or read.
        """
        with stated(self.place), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes: all of it is stored, or, where an error leaves it, nothing.

        Raises:
            StoreError: the database cannot be reached or written.
        """
        with stated(self.place), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def create_missing(url: URL) -> None:
    """Creates the database of a URL on its PostgreSQL server where it is missing.

    Raises:
        StoreError: the server cannot be reached, or this user may create none.
    """
    engine = _engine(url.set(database=_MAINTENANCE), {"connect_timeout": CONNECT_SECONDS}, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with stated(_shown(url)), engine.connect() as connection:
        connection.execute(select(func.pg_advisory_lock(LOCK)))  # until the connection is closed, by when the others find it there
        if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": url.database}):
            connection.exec_driver_sql(f"CREATE DATABASE {connection.dialect.identifier_preparer.quote_identifier(url.database or '')}")


def _shown(url: URL) -> str:
    """Returns a server's URL as users write it, without its password and that of its key."""
    return url.set(drivername="postgresql").difference_update_query(["password", "sslpassword"]).render_as_string()


def _engine(url: URL, arguments: dict[str, Any], **options: Any) -> Engine:
    try:
        return create_engine(url, connect_args=arguments, json_serializer=dump_json, json_deserializer=load_json, **options)
    except ImportError as error:
        raise StoreError(f"PostgreSQL needs the package psycopg, which does not load ({error}): pip install 'ngc[eval]'") from None


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"database {path}: its folder cannot be made ({error.strerror}); choose another one with --database_address") from error


def _set_up_sqlite(engine: Engine, lock_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own; `begun` does
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # what is committed outlives the process; a power cut may take the last parts, whole
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            _write_ahead(connection, lock_seconds)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _write_ahead(connection: sqlite3.Connection, lock_seconds: float) -> None:
    """Turns write-ahead logging on, which the file keeps. SQLite does not wait where another process does the same at that moment, so this does."""
    end = time.monotonic() + lock_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return
