"""Measures what tracing costs: the loop of an evaluation over batches, without a tracer and with tracers of several levels.

`python -m bench.tracing [--batch 1] [--batches 500] [--rounds 20]`

Rounds alternate between all of them. A round's time is what the processor worked for all its batches, so that other processes count little; compared are the
medians over the rounds, and beside them the quickest rounds. The network is the small one for digits, beside which the cost of spans is easily seen.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import ngc
from bench.cores import processor_name
from examples.digits_network import KEPT
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import PREDICT
from ngc.evaluate.trace import Tracer
from ngc.runtime import Executable

PLAIN = "no tracer"

LEVELS = (TraceLevel.NO_TRACE, TraceLevel.APPLICATION_TRACE, TraceLevel.MODEL_TRACE, TraceLevel.FRAMEWORK_TRACE)


def plain_loop(executable: Executable, batch: np.ndarray, batches: int) -> None:
    """Computes batches, and nothing else."""
    for _ in range(batches):
        executable.run({"data": batch})


def traced_loop(executable: Executable, batch: np.ndarray, batches: int, tracer: Tracer) -> None:
    """Computes batches as an evaluation does: a span around each, layers within where they are traced."""
    layers = tracer.level >= TraceLevel.FRAMEWORK_TRACE
    with tracer.span(TraceLevel.APPLICATION_TRACE, "evaluate"):
        for index in range(batches):
            with tracer.span(TraceLevel.MODEL_TRACE, PREDICT, index=index, batch_size=len(batch)):
                if layers:
                    begin = time.time_ns()
                    _, profile = executable.run_traced({"data": batch})
                    tracer.layers(profile, begin)
                else:
                    executable.run({"data": batch})
    tracer.drain()


def measure(batch_size: int, batches: int, rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of each round by what was traced."""
    executable = ngc.compile(str(KEPT), shapes={"data": ("N", 1, 8, 8)}, threads=1)
    batch = np.ones((batch_size, 1, 8, 8), np.float32)
    loops: dict[str, Callable[[], None]] = {PLAIN: partial(plain_loop, executable, batch, batches)}
    for level in LEVELS:
        loops[level.name] = partial(traced_loop, executable, batch, batches, Tracer(level))
    times: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():
        loop()  # memory is there and the processor's clock is up
    for _ in track(range(rounds), description="rounds", console=Console(stderr=True), transient=True):
        for name, loop in loops.items():
            start = time.thread_time()
            loop()
            times[name].append(time.thread_time() - start)
    return times


def table(times: dict[str, list[float]], batches: int) -> Table:
    """Returns the times of a batch, and how many times those without a tracer they are."""
    view = Table("traced", title=processor_name())
    for column in ("us a batch (median)", "ratio", "us a batch (quickest)", "ratio"):
        view.add_column(column, justify="right")
    medians, quickest = ({name: summary(rounds) / batches * 1e6 for name, rounds in times.items()} for summary in (statistics.median, min))
    for name in times:
        view.add_row(name, f"{medians[name]:.2f}", f"{medians[name] / medians[PLAIN]:.4f}", f"{quickest[name]:.2f}", f"{quickest[name] / quickest[PLAIN]:.4f}")
    return view


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bench.tracing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", default=1, type=int, help="inputs of a batch")
    parser.add_argument("--batches", default=500, type=int, help="batches of a round")
    parser.add_argument("--rounds", default=20, type=int)
    args = parser.parse_args()
    Console().print(table(measure(args.batch, args.batches, args.rounds), args.batches))


if __name__ == "__main__":
    main()
