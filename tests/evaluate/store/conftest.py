"""Databases of both kinds, and what is stored in them."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ngc.evaluate.store import Store
from ngc.evaluate.store.address import find_database
from ngc.evaluate.store.database import Database, create_missing
from tests.evaluate.store.postgres import Server, find_programs, serve

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Returns a PostgreSQL server; skips the test where its programs are not installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed: neither on PATH nor in /usr/lib/postgresql/*/bin")
    with serve(programs) as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Returns a function that returns the address of a new database without tables, on each kind in turn."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("stores")
        return lambda: str(folder / f"{next(_NUMBERS)}.db")
    running: Server = request.getfixturevalue("server")

    def created() -> str:
        name = f"evaluations_{next(_NUMBERS)}"
        create_missing(find_database(running.address(name), "").url)
        return running.address(name)

    return created


@pytest.fixture(scope="session")
def emptied_address(new_address: Callable[[], str]) -> Callable[[], str]:
    """Returns a function that returns the address of a database without tables; on a server always the same one, as creating and removing them takes long."""
    first = new_address()
    if not first.startswith("postgresql"):
        return new_address

    def emptied() -> str:
        database = Database(find_database(first, "").url)
        with database.writing() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        database.close()
        return first

    return emptied


@pytest.fixture
def address(emptied_address: Callable[[], str]) -> str:
    """Returns the address of a database without tables, for this test alone."""
    return emptied_address()


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """Returns a store of this test's own."""
    with Store.open(address) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_store(new_address: Callable[[], str]) -> Iterator[Store]:
    """Returns one store for the examples of all properties, each of which has evaluations of its own."""
    with Store.open(new_address()) as opened:
        yield opened
