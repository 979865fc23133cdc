"""Where a database is, from what the user says."""

from dataclasses import dataclass
from pathlib import Path

import platformdirs
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ngc.errors import StoreError

DEFAULT_NAME = "ngc_eval"

_SUFFIXES = (".db", ".sqlite")
_EXAMPLES = "possible are evaluations.db, sqlite:////folder/evaluations.db and postgresql://user@host:5432/database"
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


@dataclass(frozen=True)
class Address:
    """A database's URL, with its driver, and whether the database was named by default, so that it may be created on its server."""

    url: URL
    by_default: bool = False


def find_database(address: str, name: str) -> Address:
    """Returns where a database is.

    Args:
        address: empty for a file in the user's data folder, a file's path (with a "/", or ending in .db or .sqlite), or a URL.
        name: of the file, or of the server's database, where the address has none; empty for DEFAULT_NAME. "." in it becomes "_".

    Raises:
        StoreError: the address is none of these.
    """
    name = name.replace(".", "_") or DEFAULT_NAME
    if not address:
        return _file(Path(platformdirs.user_data_dir("ngc")) / f"{name}.db")
    if "://" not in address:
        first = address.partition("/")[0]
        if ":" in first and ("@" in first or first.endswith(":")):  # a URL with a slip, not a file whose name has a password
            raise StoreError(f"the database's address is no URL that can be read; {_EXAMPLES}")
        if "/" in address or address.endswith(_SUFFIXES):
            return _file(Path(address).expanduser())
        raise StoreError(f"the database's address {address!r} is neither a path (with a '/', or ending in {' or '.join(_SUFFIXES)}) nor a URL; {_EXAMPLES}")
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise StoreError(f"the database's address is no URL that can be read; {_EXAMPLES}") from None  # not shown: it may hold a password
    if url.drivername not in _DRIVERS:
        raise StoreError(f"databases of {url.drivername!r} are not supported; {_EXAMPLES}")
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StoreError(f"the database's address {address!r} names no file; {_EXAMPLES}")
        return _file(Path(url.database))
    return Address(url.set(drivername=_DRIVERS[url.drivername], database=url.database or name), by_default=not url.database)


def _file(path: Path) -> Address:
    return Address(URL.create(_DRIVERS["sqlite"], database=str(path.absolute())))
