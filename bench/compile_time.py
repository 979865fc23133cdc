"""Measures how long ngc takes to compile with an empty cache, with a warm one, and to load an artifact.

`python -m bench.compile_time [--models resnet50_v2,...] [--repeats 3] [--json FILE]`

Every sample is a fresh process; imports are not counted. Medians are shown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.zoo_models import DEFAULT_FOLDER, NETWORKS, export_zoo, input_shape


@dataclass(frozen=True)
class Timing:
    """Medians in seconds for one network."""

    model: str
    cold_compile_s: float
    warm_compile_s: float
    load_s: float
    artifact_mb: float


def measure(model: str, repeats: int, folder: Path) -> Timing:
    """Returns the medians of one network."""
    prefix = export_zoo(model, folder)
    shape = ",".join(map(str, input_shape(model)))
    cold, warm, load = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        artifact = f"{scratch}/model.ngc"
        for repeat in range(repeats):
            cache = f"{scratch}/cache{repeat}"
            cold.append(_sample(cache, "compile", prefix, shape, artifact))
            warm.append(_sample(cache, "compile", prefix, shape, artifact))
            load.append(_sample(f"{scratch}/unused", "load", artifact))
        size = os.path.getsize(artifact) / 1e6
    return Timing(model, _median(cold), _median(warm), _median(load), round(size, 1))


def _median(samples: list[float]) -> float:
    return round(statistics.median(samples), 3)


def _sample(cache: str, *arguments: str) -> float:
    command = [sys.executable, "-m", "bench.compile_time", "--sample", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "NGC_CACHE_DIR": cache})
    return float(done.stdout.split()[-1])


def _run_sample(arguments: list[str]) -> None:
    """Prints the seconds of one compilation or load in this process."""
    import ngc.codegen.llvm.build
    import ngc.driver
    import ngc.runtime.artifact

    if arguments[0] == "load":
        begin = time.perf_counter()
        ngc.load(arguments[1])
        print(time.perf_counter() - begin)
        return
    _, prefix, shape, artifact = arguments
    begin = time.perf_counter()
    executable = ngc.compile(prefix, shapes={"data": tuple(map(int, shape.split(",")))})
    seconds = time.perf_counter() - begin
    executable.save(artifact)
    print(seconds)


def main() -> None:
    """Runs the command line."""
    if sys.argv[1:2] == ["--sample"]:
        _run_sample(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="bench.compile_time", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="resnet50_v2", help="networks of the Gluon zoo, by comma")
    parser.add_argument("--repeats", default=3, type=int)
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--zoo", default=DEFAULT_FOLDER, type=Path, help="folder where exported networks are kept")
    options = parser.parse_args()
    models = options.models.split(",")
    if unknown := [name for name in models if name not in NETWORKS]:
        parser.error(f"unknown: {', '.join(unknown)}; the zoo has {', '.join(NETWORKS)}")
    timings = [measure(model, options.repeats, options.zoo) for model in track(models, console=Console(stderr=True), transient=True)]
    table = Table("model", "cold compile s", "warm compile s", "load s", "artifact MB")
    for timing in timings:
        table.add_row(timing.model, f"{timing.cold_compile_s:.2f}", f"{timing.warm_compile_s:.2f}", f"{timing.load_s:.3f}", f"{timing.artifact_mb:.1f}")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps([asdict(timing) for timing in timings], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
