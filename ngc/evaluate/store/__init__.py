"""The database of evaluations: SQLite in a file, or PostgreSQL on a server."""

from ngc.evaluate.store.address import find_database
from ngc.evaluate.store.filters import Filter
from ngc.evaluate.store.machine import this_machine
from ngc.evaluate.store.store import Store

__all__ = ["Filter", "Store", "find_database", "this_machine"]
