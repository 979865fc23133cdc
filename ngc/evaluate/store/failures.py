"""What databases say when something is wrong, as one line that says where, what, and what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from ngc.errors import StoreError

_KEPT = "what was stored before is kept"

_SQLITE = {
    "SQLITE_FULL": f"there is no space left on its disk; {_KEPT}; make space and run again, which resumes",
    "SQLITE_READONLY": "it is read-only; make the file and its folder writable, or choose another file with --database_address",
    "SQLITE_NOTADB": "the file is no SQLite database; choose another one with --database_address",
    "SQLITE_CORRUPT": "the file is damaged; bring it back from a copy, or choose another one with --database_address",
    "SQLITE_BUSY": f"another process has kept it locked; {_KEPT}; wait for that process, or end it, and run again",
    "SQLITE_CANTOPEN": "the file cannot be opened; check that its folder is there and may be read and written by you",
    "SQLITE_IOERR": f"its disk cannot be read or written; {_KEPT}; check the disk",
}
"""By primary result code, https://www.sqlite.org/rescode.html."""

_POSTGRESQL = {
    "42501": "this user may not do that; grant it, or name another user in the address",
    "25006": "it is read-only; name a server that takes writes in the address",
    "53100": f"there is no space left on the server's disk; {_KEPT}; make space and run again, which resumes",
}
"""By SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html."""


@contextmanager
def stated(place: str) -> Iterator[None]:
    """Turns errors of the database at `place` into StoreErrors."""
    try:
        yield
    except StatementError as error:
        raise StoreError(f"database {place}: {_what(error)}") from error


def _what(error: StatementError) -> str:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        name = getattr(original, "sqlite_errorname", "")  # absent where the driver itself objects
        advice = next((text for code, text in _SQLITE.items() if name == code or name.startswith(f"{code}_")), "")
        return advice or str(original)
    primary = getattr(getattr(original, "diag", None), "message_primary", None)  # without the lines of detail and context
    return "; ".join([" ".join((primary or str(original)).split()), *_postgresql_advice(error)])


def _postgresql_advice(error: StatementError) -> list[str]:
    """Returns what to do, where there is something to say."""
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return [f"the connection was lost; {_KEPT}; run again, which resumes"]
    if isinstance(error, OperationalError) and state is None:  # the driver gives none to what fails while it connects, passwords among it
        return ["check the address, and that the server runs"]
    return [_POSTGRESQL[state]] if state in _POSTGRESQL else []
