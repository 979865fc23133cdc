"""Evaluates the digits in child processes that are killed at random moments, and resumes; a driver of `test_killed.py`.

    python -m tests.evaluate.run.killing FOLDER KILLS SEED INPUTS

leaves `undisturbed.db`, of an evaluation that nobody disturbed, and `killed.db`, of one that was killed KILLS times; INPUTS are those of a part. The children
are forks of one process that has loaded everything and compiled the model, so that most of their time is evaluation.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from ngc.evaluate.cli import main, predict_parts
from ngc.evaluate.manifest import fetch_model, find_manifest
from ngc.evaluate.run.engine import Build, LocalEngine

SLOWNESS_S = 0.003
"""What a batch takes longer, so that a good part of the kills falls into computation, and not all into recording."""


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


def run(folder: Path, kills: int, seed: int, inputs: int) -> None:
    """Does what the module says."""
    begin = time.perf_counter()
    assert os.waitpid(evaluate(folder / "undisturbed.db", inputs), 0)[1] == 0
    whole = time.perf_counter() - begin
    moments = random.Random(seed)
    for _ in range(kills):
        child = evaluate(folder / "killed.db", inputs, "--resume")
        time.sleep(moments.uniform(0, 1.5 * whole / kills))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it was done before it was killed; its parts are too few"
    assert os.waitpid(evaluate(folder / "killed.db", inputs, "--resume"), 0)[1] == 0


if __name__ == "__main__":
    manifest = find_manifest("digits")
    engine = LocalEngine.compile(fetch_model(manifest), manifest, Build(threads=1))
    predict = LocalEngine.predict
    LocalEngine.predict = slowed  # type: ignore[method-assign]
    LocalEngine.compile = lambda *_: engine  # type: ignore[method-assign,assignment]
    assert predict_parts.LocalEngine is LocalEngine
    run(Path(sys.argv[1]), *map(int, sys.argv[2:]))
