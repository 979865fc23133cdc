"""The measuring side of a worker process."""

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bench.engines import Job, NotOffered, interpreter


class WorkerFailed(Exception):
    """A worker ended without an answer; the message holds the end of what it printed."""


class Worker:
    """An engine in a process of its own, with one model built."""

    def __init__(self, job: Job, log: Path) -> None:
        """Starts the process and compiles or loads the model.

        Raises:
            NotOffered: the engine is not installed or lacks the precision.
            WorkerFailed: it could not be started, or ended while building; its output is in `log`.
        """
        self.job = job
        self._log = log
        with log.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [interpreter(job.engine), "-m", "bench.engines.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        built = self._ask(asdict(job))
        if "refused" in built:
            self.close()
            raise NotOffered(built["refused"])
        self.version: str = built["version"]
        self.compile_s: float = built["compile_s"]
        self.answers = _take(built["output"])
        self.peak_rss_mb = 0.0

    def round(self, seconds: float) -> list[float]:
        """Returns the milliseconds of each counted run of a round."""
        reply = self._ask({"seconds": seconds})
        self.peak_rss_mb = reply["peak_rss_mb"]
        times: list[float] = reply["times"]
        return times

    def outputs(self, images: Path) -> np.ndarray:
        """Returns the model's first output on each of the images in a .npy file, run in batches of the job's size."""
        return _take(self._ask({"images": str(images)})["output"])[0]

    def save(self, path: Path) -> bool:
        """Writes the compiled model into a file; returns whether the engine can do that."""
        saved: bool = self._ask({"save": str(path)})["saved"]
        return saved

    def close(self) -> None:
        """Ends the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.close()
            tail = "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            raise WorkerFailed(f"{self.job.engine} ended with status {self._process.returncode}:\n{tail}")
        reply: dict[str, Any] = json.loads(line)
        return reply


def _take(path: str) -> list[np.ndarray]:
    """Returns the arrays of a file that is not needed any more."""
    with np.load(path) as file:
        arrays = [file[name] for name in file.files]
    os.unlink(path)
    return arrays
