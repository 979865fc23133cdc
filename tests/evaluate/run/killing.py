"""Evaluates the digits in child processes that are killed at random moments, and resumes; a driver of `test_killed.py`.

    python -m tests.evaluate.run.killing FOLDER KILLS SEED INPUTS

leaves `undisturbed.db`, of an evaluation that nobody disturbed, and `killed.db`, of one that was killed KILLS times; INPUTS are those of a part. The children
are forks of one process that has loaded everything and compiled the model, so that most of their time is evaluation.
"""

import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

import numpy as np

from ngc.evaluate.cli import main, predict_parts
from ngc.evaluate.manifest import fetch_model, find_manifest
from ngc.evaluate.run.engine import Build, LocalEngine

SLOWNESS_S = 0.004
"""What a batch takes longer, so that a good part of the kills falls into computation, and not all into recording."""

BEFORE_ANYTHING = 0.2
"""The share of kills before a part is finished, while the child opens model, data and store."""


def evaluate(database: Path, inputs: int, *flags: str) -> int:
    """Evaluates in a child process, and returns its id."""
    child = os.fork()
    if child:
        return child
    os.chdir(database.parent)
    os._exit(main(["predict", "dataset", "--model_name=digits", "--dataset_category=vision", "--dataset_name=digits", "--threads=1", "--workers=1",
                   f"-p{inputs}", f"-b{min(4, inputs)}", "--publish", "--publish_predictions", f"--database_address={database}", "--format=json", *flags]))


def slowed(self: LocalEngine, array: np.ndarray) -> list[np.ndarray]:
    """Predicts, and takes its time."""
    time.sleep(SLOWNESS_S)
    return predict(self, array)


def finished_parts(database: Path) -> int:
    """Returns how many parts a database has that another process may be writing, or making."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM parts").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait(child: int, random: Random, database: Path, most: int) -> None:
    """Returns at a random moment: soon, or when a number of parts from 1 to `most` have been finished, and some milliseconds later.

    Progress is the clock, since a busy machine may be ten times as slow in one second as in the next.
    """
    if random.random() < BEFORE_ANYTHING:
        time.sleep(random.uniform(0, 0.05))
        return
    wanted = finished_parts(database) + random.randint(1, most)
    while finished_parts(database) < wanted:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it was killed"
        time.sleep(0.001)
    time.sleep(random.uniform(0, 3 * SLOWNESS_S))


def run(folder: Path, kills: int, seed: int, inputs: int) -> None:
    """Does what the module says."""
    assert os.waitpid(evaluate(folder / "undisturbed.db", inputs), 0)[1] == 0
    most = finished_parts(folder / "undisturbed.db") // (2 * kills)
    random = Random(seed)
    for _ in range(kills):
        child = evaluate(folder / "killed.db", inputs, "--resume")
        wait(child, random, folder / "killed.db", most)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it was done before it was killed"
    assert os.waitpid(evaluate(folder / "killed.db", inputs, "--resume"), 0)[1] == 0


if __name__ == "__main__":
    manifest = find_manifest("digits")
    engine = LocalEngine.compile(fetch_model(manifest), manifest, Build(threads=1))
    predict = LocalEngine.predict
    LocalEngine.predict = slowed  # type: ignore[method-assign]
    LocalEngine.compile = lambda *_: engine  # type: ignore[method-assign,assignment]
    assert predict_parts.LocalEngine is LocalEngine
    run(Path(sys.argv[1]), *map(int, sys.argv[2:]))
