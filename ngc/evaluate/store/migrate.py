"""Brings databases of earlier versions of ngc up to date.

The revisions are alembic's, under `migrations/versions`. All that a database lacks is done in one transaction, under a lock: of processes that open the same
database at once, one migrates, and the others find it done.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from ngc.errors import StoreError
from ngc.evaluate.store.database import LOCK, Database

REVISIONS = Path(__file__).with_name("migrations")

VERSION_TABLE = "ngc_version"
"""Holds the revision of the tables. Not alembic's own name for it, so that a database may be shared with another program that uses alembic."""


def migrate(database: Database, revisions: Path = REVISIONS) -> None:
    """Creates the tables, or brings them up to date.

    Raises:
        StoreError: the database is of a newer ngc, or cannot be written.
    """
    config = Config()
    config.set_main_option("script_location", str(revisions).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with database.reading() as connection:
        if _is_current(connection, scripts, database.place):
            return
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":  # SQLite's writers have the lock already
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        if not _is_current(connection, scripts, database.place):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _is_current(connection: Connection, scripts: ScriptDirectory, place: str) -> bool:
    """Returns whether the tables are of the newest revision that this ngc knows."""
    found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(f"database {place}: it was written by a newer ngc (its revision is {found!r}, this ngc knows those up to "
                         f"{scripts.get_current_head()!r}); upgrade ngc, or choose another database with --database_address")  # fmt: skip
    return found == scripts.get_current_head()
