"""Measures how far runs are delayed when another process keeps one of their cores busy.

`python -m bench.contention --model resnet50_v2 --threads 2 [--engines ngc,onnxruntime,openvino] [--rounds 10] [--seconds 1] [--json FILE]`

Each engine runs in a worker process of its own that is pinned to as many cores as it has threads. Rounds alternate: alone, and with a process that computes
without end on the last of those cores. Threads that wait for one another must not spin away what the one that they wait for needs.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.cores import pick_cores, processor_name
from bench.engines import ENGINES, Job, NotOffered
from bench.engines.process import Worker, WorkerFailed
from bench.onnx_export import export_onnx
from bench.zoo_models import DEFAULT_FOLDER, NETWORKS, export_zoo, input_shape, sample_input

NGC = "ngc"

_SPIN = "import os; os.sched_setaffinity(0, [{core}]); print(flush=True)\nwhile True: pass"


@dataclass(frozen=True)
class Latency:
    """The runs of one engine, alone or beside a busy process."""

    model: str
    engine: str
    threads: int
    busy: bool
    runs: int
    median_ms: float
    p99_ms: float

    @property
    def ratio(self) -> float:
        """How many times the median the 99th percentile is."""
        return self.p99_ms / self.median_ms


@contextlib.contextmanager
def busy_core(core: int) -> Iterator[None]:
    """Keeps a core busy from another process while the block lasts."""
    with subprocess.Popen([sys.executable, "-c", _SPIN.format(core=core)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it is on its core now
            yield
        finally:
            process.kill()


def summarize(model: str, engine: str, threads: int, busy: bool, times: Sequence[float]) -> Latency:
    """Returns the numbers that are kept of an engine's runs, given in milliseconds."""
    median, p99 = np.percentile(times, [50, 99])
    return Latency(model, engine, threads, busy, len(times), round(float(median), 4), round(float(p99), 4))


def measure(model: str, engine: str, threads: int, rounds: int, seconds: float, folder: Path) -> list[Latency]:
    """Returns an engine's latency alone and beside a busy process.

    Raises:
        NotOffered: the engine does not run the model.
        WorkerFailed: its worker failed.
    """
    prefix, shape, cores = export_zoo(model, folder), input_shape(model), tuple(pick_cores(threads))
    onnx = "" if engine in (NGC, "mxnet") else export_onnx(prefix, {"data": shape})
    times: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as scratch:
        inputs = f"{scratch}/inputs.npz"
        np.savez(inputs, data=sample_input(model, 1))
        with Worker(Job(engine, prefix, onnx, {"data": shape}, inputs, "fp32", threads, cores), Path(scratch) / "worker.log") as worker:
            for _ in range(rounds):
                times[False] += worker.round(seconds)
                with busy_core(cores[-1]):
                    times[True] += worker.round(seconds)
    return [summarize(model, engine, threads, busy, runs) for busy, runs in times.items()]


def table(results: Sequence[Latency]) -> Table:
    """Returns the table of all results."""
    view = Table("model", "engine", "beside it", title=processor_name())
    for column in ("threads", "runs", "median ms", "p99 ms", "p99 / median"):
        view.add_column(column, justify="right")
    for r in results:
        beside = "one busy core" if r.busy else "nothing"
        view.add_row(r.model, r.engine, beside, str(r.threads), str(r.runs), f"{r.median_ms:.2f}", f"{r.p99_ms:.2f}", f"{r.ratio:.2f}x",
                     end_section=r.busy)  # fmt: skip
    return view


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bench.contention", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet50_v2", choices=sorted(NETWORKS), metavar="MODEL", help="a network of the Gluon zoo")
    parser.add_argument("--engines", default=NGC, help=f"by comma, of {','.join(ENGINES)}")
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--rounds", default=10, type=int, help="how many there are alone and beside the busy process")
    parser.add_argument("--seconds", default=1.0, type=float, help="length of a round")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--zoo", default=DEFAULT_FOLDER, type=Path, help="folder where exported networks are kept")
    options = parser.parse_args()
    engines = options.engines.split(",")
    if unknown := [name for name in engines if name not in ENGINES]:
        parser.error(f"unknown engine: {', '.join(unknown)}; accepted are {', '.join(ENGINES)}")
    if not 1 <= options.threads <= len(os.sched_getaffinity(0)):
        parser.error(f"{options.threads} threads: this process may use {len(os.sched_getaffinity(0))} processors")
    results: list[Latency] = []
    for engine in track(engines, console=Console(stderr=True), transient=True, auto_refresh=False):
        try:
            results += measure(options.model, engine, options.threads, options.rounds, options.seconds, options.zoo)
        except (NotOffered, WorkerFailed) as error:
            Console(stderr=True).print(f"{engine}: no result: {error}", markup=False)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) | {"ratio": round(result.ratio, 3)} for result in results], indent=1), encoding="utf-8")
    Console(width=None if Console().is_terminal else 150).print(table(results))


if __name__ == "__main__":
    main()
