"""MXNet as a process of its own, which survives cases that kill or hang MXNet."""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, cast

from bench.differential.case import Array, Case
from bench.differential.framing import receive, send

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    # Runs operators where they are called: errors come back as exceptions, small cases take half the time, and the process has no threads, so that it can fork.
    "MXNET_ENGINE_TYPE": "NaiveEngine",
    # MXNet's fusion for oneDNN gives a layer the activation that reads it, though others read the layer too: operators are what is compared.
    "MXNET_SUBGRAPH_BACKEND": "NONE",
}


@dataclass(frozen=True)
class Answer:
    """What MXNet did: "computed" with its arrays, "refused" or "aborted" with its message, or "hung"."""

    state: str
    arrays: tuple[Array, ...] = ()
    message: str = ""


class Oracle:
    """One process that imports MXNet; cases are answered in order.

    Attributes:
        aborts: how many cases killed or hung MXNet.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        self.aborts = 0
        self._process = subprocess.Popen([sys.executable, "-m", "bench.differential.mxnet_worker", str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         env={**os.environ, **_ENVIRONMENT})

    def __enter__(self) -> "Oracle":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process, which does so when nobody writes to it any more."""
        cast(BinaryIO, self._process.stdin).close()
        self._process.wait()
        cast(BinaryIO, self._process.stdout).close()

    def submit(self, cases: Sequence[Case]) -> "Batch":
        """Starts a batch; its answers are fetched from what is returned before the next one starts."""
        return Batch(self, cases)

    def run(self, case: Case) -> Answer:
        """Returns what an MXNet that has run nothing before answers to one case."""
        self.write([case], fresh=True)
        return self.read()

    def write(self, cases: Sequence[Case], *, fresh: bool = False) -> None:
        """Sends cases; `fresh` asks for an MXNet that has run nothing before."""
        for case in cases:
            send(cast(BinaryIO, self._process.stdin), (case.text(), case.arrays(), case.numpy, fresh))

    def read(self) -> Answer:
        """Returns the next answer."""
        state, content = receive(cast(BinaryIO, self._process.stdout))
        self.aborts += state in ("aborted", "hung")
        return Answer(state, tuple(content)) if state == "computed" else Answer(state, message=content)


class Batch:
    """Cases under way: a thread writes them, so that ngc can work while MXNet does."""

    def __init__(self, oracle: Oracle, cases: Sequence[Case]) -> None:
        self._oracle, self._count = oracle, len(cases)
        self._writer = threading.Thread(target=oracle.write, args=(cases,), daemon=True)
        self._writer.start()

    def answers(self) -> list[Answer]:
        """Returns the answer to each case, in order."""
        found = [self._oracle.read() for _ in range(self._count)]
        self._writer.join()
        return found
