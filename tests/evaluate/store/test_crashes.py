"""Processes that are killed, and several at once."""

import random
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from ngc.evaluate.accuracy import Tally
from ngc.evaluate.records import FINISHED
from ngc.evaluate.store import Store
from tests.evaluate.store.postgres import Server
from tests.evaluate.store.samples import evaluation, part_result
from tests.evaluate.store.writer import PART_SIZE, context, open_store, record_parts

_PARTS = 150
_KILLS = 10


def _check(store: Store) -> set[int]:
    """Checks that exactly the recorded parts are there, whole; returns their indices."""
    parts = store.part_results("a")
    whole = [part_result(result.part.index, PART_SIZE) for result in parts]
    assert [result.tally for result in parts] == [result.tally for result in whole]
    assert store.predictions("a") == [prediction for result in whole for prediction in result.predictions]
    assert store.spans("a") == [span for result in whole for span in result.spans]
    assert store.finished_parts("a") == {result.part.index for result in parts}
    return store.finished_parts("a")


def _start(address: str) -> tuple[ForkServerProcess, Connection]:
    """Starts a process that records all parts; returns it and where it tells of each."""
    recorded, theirs = context().Pipe()
    process = context().Process(target=record_parts, args=(address, "a", _PARTS, theirs))
    process.start()
    theirs.close()  # so that the end of the process ends what it tells
    return process, recorded


def test_processes_killed_at_any_moment_lose_no_part_and_count_none_twice(address: str) -> None:
    moments = random.Random(8)
    with Store.open(address) as store:
        store.begin(evaluation("a", parts=_PARTS))
    done: set[int] = set()
    for _ in range(_KILLS):
        process, recorded = _start(address)
        for _ in range(moments.randrange(10)):
            recorded.recv()
        time.sleep(moments.uniform(0, 0.005))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        with Store.open(address) as store:
            now = _check(store)
        assert now >= done
        done = now
    assert 0 < len(done) < _PARTS
    process, _ = _start(address)
    process.join()
    with Store.open(address) as store:
        assert _check(store) == set(range(_PARTS))
        assert store.evaluation("a").state == FINISHED
        undisturbed = sum((part_result(index, PART_SIZE).tally for index in range(_PARTS)), Tally())
        assert sum((result.tally for result in store.part_results("a")), Tally()) == undisturbed


def _open_at_once(address: str, name: str, processes: int) -> list[str]:
    """Returns how opening a store went for several processes that do it at the same moment."""
    pipes = [context().Pipe() for _ in range(processes)]
    started = [context().Process(target=open_store, args=(address, name, theirs)) for _, theirs in pipes]
    for process in started:
        process.start()
    for ours, _ in pipes:
        ours.recv()
    for ours, _ in pipes:
        ours.send("now")
    results = [ours.recv() for ours, _ in pipes]
    for process in started:
        process.join()
    return results


def test_of_processes_that_open_a_new_file_one_creates_the_tables(tmp_path: Path) -> None:
    for attempt in range(3):
        assert _open_at_once(str(tmp_path / f"folder{attempt}" / "new.db"), "", 4) == ["opened"] * 4


def test_of_processes_that_open_a_new_database_of_a_server_one_creates_it(server: Server) -> None:
    for attempt in range(2):
        assert _open_at_once(server.address(), f"at once {attempt}", 4) == ["opened"] * 4
