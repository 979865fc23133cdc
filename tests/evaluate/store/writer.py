"""Processes that write to a store, and are killed while they do.

They are forked from a server that has everything imported, so that each begins within milliseconds.
"""

import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext

from ngc.evaluate.store import Store
from tests.evaluate.store.samples import part_result

PART_SIZE = 40


def context() -> ForkServerContext:
    """Returns how the processes are started."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([__name__])
    return forking


def record_parts(address: str, id: str, parts: int, recorded: Connection) -> None:
    """Records all parts of an evaluation that are not there, tells of each, and finishes it."""
    with Store.open(address) as store:
        done = store.finished_parts(id)
        for index in range(parts):
            if index not in done:
                store.add_part(id, part_result(index, PART_SIZE), predictions=True)
                recorded.send(index)
        store.finish(id, {"parts": parts})


def open_store(address: str, name: str, ready: Connection) -> None:
    """Opens a store, and says how that went, when the other end of the connection says so."""
    ready.send("ready")
    ready.recv()
    try:
        Store.open(address, name).close()
    except Exception as error:
        ready.send(repr(error))
    else:
        ready.send("opened")
