"""`python -m bench.engines.worker`: measures one engine on one model, told what to do by JSON lines on standard input.

The first line is a `Job`; the answer tells the engine's version, the seconds from the model's files to the first answer,
and the file of that answer. A further line `{"seconds": s}` asks for a round and is answered by the milliseconds of its
runs; `{"save": path}` asks for the compiled model in a file and is answered by whether the engine can do that;
`{"images": path}` asks for the model's answers on the images of a .npy file and is answered by the file of those. What
engines print goes to standard error, so that nothing but answers is on standard output.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bench.calibration import split
from bench.engines import ENGINES, Job, NotOffered

_FEWEST = 3
"""Runs that a round holds at least, however long they take."""


def measure(run: Callable[[], Any], seconds: float) -> list[float]:
    """Returns the milliseconds of each run of a round, those that began in the first third of it left out, unless all did."""
    runs: list[tuple[float, float]] = []
    begin = now = time.perf_counter()
    while now - begin < seconds or len(runs) < _FEWEST:
        run()
        start, now = now, time.perf_counter()
        runs.append((start, now - start))
    settled = begin + (now - begin) / 3
    counted = [length * 1000 for start, length in runs if start >= settled]
    return counted or [runs[-1][1] * 1000]  # a machine that is busy may hold up the last one for most of the round


def peak_rss_mb() -> float:
    """Returns the most memory that this process has held; not what it inherited from the one that started it."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no line VmHWM")


def _write(arrays: Sequence[np.ndarray]) -> str:
    """Returns the name of a new .npz file that holds the arrays in their order."""
    with tempfile.NamedTemporaryFile(suffix=".npz", delete=False) as file:
        np.savez(file, *arrays)
    return file.name


def main() -> None:
    """Serves one job."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    job = Job.parse(sys.stdin.readline())
    os.sched_setaffinity(0, job.cores)
    engine = import_module(ENGINES[job.engine])
    os.environ.update({**engine.environments(job)[job.setting], **job.environment})
    with np.load(job.inputs) as file:
        feeds = {name: np.ascontiguousarray(file[name]) for name in job.shapes}
    try:
        version = engine.prepare(job)
        begin = time.perf_counter()
        model = engine.load(job, job.artifact) if job.artifact else engine.compile_model(job)
        run = engine.runner(job, model, feeds)
        first = [np.array(output) for output in run()]
        compile_s = time.perf_counter() - begin
    except (NotOffered, ImportError) as error:
        answer(refused=str(error))
        return
    answer(version=version, compile_s=compile_s, output=_write(first))
    for line in sys.stdin:
        question = json.loads(line)
        if "save" in question:
            saved = hasattr(engine, "save")
            if saved:
                engine.save(job, model, question["save"])
            answer(saved=saved)
        elif "images" in question:
            images = np.load(question["images"])
            [name] = job.shapes
            outputs = [np.array(engine.runner(job, model, {name: batch})()[0]) for batch in split(images, job.shape[0])]
            answer(output=_write([np.concatenate(outputs)[: len(images)]]))
        else:
            answer(times=measure(run, question["seconds"]), peak_rss_mb=peak_rss_mb())


if __name__ == "__main__":
    main()
