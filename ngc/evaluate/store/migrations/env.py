"""Runs revisions on the connection, and in the transaction, that `ngc.evaluate.store.migrate` hands over."""

from alembic import context

from ngc.evaluate.store.migrate import VERSION_TABLE
from ngc.evaluate.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE)
context.run_migrations()
