"""`ngc bench`: how long a run takes."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from ngc.cli.arguments import add_compile_options, compile_model, count, counts, is_artifact

if TYPE_CHECKING:
    import numpy as np

    from ngc.runtime import Executable

WARM_UP_SECONDS = 0.3
"""Long enough for the processor to raise its clock and for weights to come from disk."""


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("bench", help="measure how long a run takes", description="Measures an artifact or a checkpoint on random inputs.")
    parser.add_argument("model", metavar="MODEL.ngc|PREFIX", help="an artifact, a checkpoint prefix or a -symbol.json file")
    add_compile_options(parser)
    parser.add_argument("--threads", type=counts, default=None, metavar="1,2", help="numbers of threads to measure; default: the physical cores")
    parser.add_argument("--batch", type=counts, default=[1], metavar="1,8", help="values of N to measure, where the model takes any batch")
    parser.add_argument("--runs", type=count, default=50, help="runs that count, after a warm-up (default 50)")
    parser.add_argument("--profile", action="store_true", help="print the time of each kernel too")
    parser.set_defaults(command=bench_command)


def bench_command(args: argparse.Namespace) -> None:
    """Measures every number of threads and every batch and prints a table."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("threads", "batch", "median ms", "p90 ms", "min ms", "images/s"):
        table.add_column(heading, justify="right")
    profiles = []
    for threads in args.threads or [None]:
        executable = _executable(args, threads)
        depends = any(isinstance(dim, str) for spec in executable.inputs for dim in spec.shape)
        for batch in args.batch if depends else [1]:
            feeds = _random_feeds(executable, batch)
            images = next((array.shape[0] for array in feeds.values() if array.ndim), 1)
            times = _measure(executable, feeds, args.runs)
            median = float(np.median(times))
            table.add_row(str(executable.threads), str(images), f"{median:.3f}", f"{np.percentile(times, 90):.3f}", f"{times.min():.3f}",
                          f"{images / median * 1e3:.1f}")
            if args.profile:
                profiles.append(executable.profile(feeds, runs=args.runs).table())
    print(args.model)  # not as the table's title, which would be broken at the table's width
    Console(width=None if Console().is_terminal else 120).print(table)
    for profile in profiles:
        print(f"\n{profile}")


def _executable(args: argparse.Namespace, threads: int | None) -> "Executable":
    if not is_artifact(args.model):
        return compile_model(args, threads)
    from ngc.runtime.artifact import load

    return load(args.model, threads=threads)


def _random_feeds(executable: "Executable", batch: int) -> "dict[str, np.ndarray]":
    import numpy as np

    from ngc.ir.tensor_type import bind_shape

    rng = np.random.default_rng(0)
    feeds = {}
    for public, spec in zip(executable.inputs, executable.program.inputs, strict=True):
        shape, dtype = bind_shape(spec.shape, batch), np.dtype(public.dtype)
        feeds[spec.name] = rng.random(shape).astype(dtype) if dtype.kind == "f" else rng.integers(0, 2, shape).astype(dtype)
    return feeds


def _measure(executable: "Executable", feeds: "dict[str, np.ndarray]", runs: int) -> "np.ndarray":
    """Returns the milliseconds of each run."""
    import numpy as np

    begin = time.perf_counter()
    executable.run(feeds)
    while time.perf_counter() - begin < WARM_UP_SECONDS:
        executable.run(feeds)
    times = np.zeros(runs)
    for index in range(runs):
        start = time.perf_counter()
        executable.run(feeds)
        times[index] = (time.perf_counter() - start) * 1e3
    return times
