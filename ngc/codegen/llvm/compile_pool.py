"""Compiles many kernels at once, in processes of their own.

LLVM serves one thread at a time in a process and ends the process when it meets code that it cannot handle. Workers are
plain `python -m` processes: unlike a spawn pool they never import the caller's main module, and one that dies takes down
its own kernel only.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.worker import read_frame, write_frame
from ngc.cpus import available_cpus
from ngc.errors import CodegenError

Progress = Callable[[str, float], None]
"""Called with a kernel's symbol and the seconds that LLVM took, as each is done; from any thread, one at a time."""

_WORKER = "ngc.codegen.llvm.worker"


@dataclass(frozen=True)
class KernelJob:
    """One module to compile."""

    symbol: str
    ir_text: str
    cpu: str
    features: str
    opt: int = 3
    passes: bool = False


def compile_kernels(
    jobs: Iterable[KernelJob],
    *,
    workers: int | None = None,
    on_done: Progress | None = None,
    in_process: bool = False,
) -> dict[str, bytes]:
    """Returns the object code of each job by its symbol.

    Args:
        jobs: with different symbols; taken one by one, so that a generator's own work goes on beside LLVM's. Long ones
            are best first: a long one that comes last keeps all other workers waiting.
        workers: how many processes at most; by default as many as affinity and the CPU quota leave processors.
        on_done: progress callback.
        in_process: compile here, one after another, and risk that LLVM ends this process.

    Raises:
        CodegenError: LLVM rejects a module, or died on it; the message names the kernel.
    """
    if in_process:
        return {job.symbol: _compile_here(job, on_done) for job in jobs}
    limit = max(1, workers or available_cpus())
    batch = _Batch(on_done)
    threads: list[threading.Thread] = []
    symbols = []
    try:
        for job in jobs:
            if batch.stopped.is_set():
                break
            symbols.append(job.symbol)
            batch.pending.put(job)
            if len(threads) < limit:
                threads.append(threading.Thread(target=batch.serve, name="ngc-compile", daemon=True))
                threads[-1].start()
        for _ in threads:
            batch.pending.put(None)
        for thread in threads:
            thread.join()
    except BaseException:
        # A generator that failed, or Ctrl-C: the workers finish what they are at and take nothing more.
        batch.stopped.set()
        for _ in threads:
            batch.pending.put(None)
        raise
    if batch.error is not None:
        raise batch.error
    return {symbol: batch.objects[symbol] for symbol in symbols}


def _compile_here(job: KernelJob, on_done: Progress | None) -> bytes:
    start = time.perf_counter()
    try:
        obj = jit.compile_object(job.ir_text, job.cpu, job.features, job.opt, job.passes)
    except CodegenError as error:
        raise CodegenError(f"kernel {job.symbol}: {error}") from None
    if on_done:
        on_done(job.symbol, time.perf_counter() - start)
    return obj


class _Batch:
    """The jobs of one call and what has become of them; one thread per worker process runs `serve`."""

    def __init__(self, on_done: Progress | None) -> None:
        self.pending: queue.SimpleQueue[KernelJob | None] = queue.SimpleQueue()  # None ends one `serve`
        self.objects: dict[str, bytes] = {}
        self.error: BaseException | None = None
        self.stopped = threading.Event()
        self._on_done = on_done
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Feeds one worker process until no job is left or one has failed."""
        try:
            with tempfile.TemporaryFile() as messages, _start_worker(messages) as worker:
                try:
                    self._feed(worker, messages)
                finally:
                    _end(worker)
        except BaseException as error:  # handed to the caller's thread, which raises it
            with self._lock:
                self.error = self.error or error
            self.stopped.set()

    def _feed(self, worker: "subprocess.Popen[bytes]", messages: IO[bytes]) -> None:
        while (job := self.pending.get()) is not None and not self.stopped.is_set():
            obj, seconds = _ask(worker, messages, job)
            with self._lock:
                self.objects[job.symbol] = obj
                if self._on_done:
                    self._on_done(job.symbol, seconds)


def _start_worker(messages: IO[bytes]) -> "subprocess.Popen[bytes]":
    # The worker finds this ngc, wherever the caller imported it from, and nothing in the caller's folder instead of it.
    package_root = str(Path(__file__).parents[3])
    path = os.pathsep.join([package_root, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    python = _interpreter()
    try:
        return subprocess.Popen(
            [python, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=environment,
        )
    except OSError as error:
        raise CodegenError(f"cannot start a compiler process ({python} -m {_WORKER}): {error}") from error


def _interpreter() -> str:
    """Returns the path of the Python to start; a program that embeds Python names itself as `sys.executable`."""
    name = Path(sys.executable or "").name
    return sys.executable if "python" in name else str(Path(sys.exec_prefix, "bin", "python3"))


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """Closes a worker's input, which ends it; one that is still compiling for nobody is killed."""
    assert worker.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        worker.stdin.close()
    try:
        worker.wait(timeout=2)
    except subprocess.TimeoutExpired:
        worker.kill()


def _ask(worker: "subprocess.Popen[bytes]", messages: IO[bytes], job: KernelJob) -> tuple[bytes, float]:
    """Returns a worker's object for a job and the seconds it took."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        write_frame(worker.stdin, json.dumps(asdict(job)).encode())
        frame = read_frame(worker.stdout)
    except BrokenPipeError:
        frame = None
    if frame is None:
        code = worker.wait()
        messages.seek(0)
        said = messages.read().decode(errors="replace").strip()
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        raise CodegenError(
            f"kernel {job.symbol}: LLVM died on it ({how}), for {job.cpu}: {said[-2000:] or 'it said nothing'}"
        )
    head, _, obj = frame.partition(b"\n")
    answer = json.loads(head)
    if "error" in answer:
        raise CodegenError(f"kernel {job.symbol}: {answer['error']}")
    return obj, answer["seconds"]
