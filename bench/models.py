"""Measures whole models on several engines: each in a process of its own on the same cores, in alternating rounds.

`python -m bench.models --models resnet50_v2 --engines ngc,mxnet,onnxruntime,openvino,torch --threads 1,2 --batch 1,16 --precision fp32,bf16
 --json out.json`

A round lasts 0.3 s or more and three runs or more; the first third of it is not counted. Rounds alternate between engines,
so that a machine's noise hits all alike. Where an engine has settings without a best one, the quickest in a trial is
taken. Compile seconds go from the model's files to the first answer. Where an engine can save a compiled model, another
process loads it and runs it: what is told of loading is its time to the first answer and its memory.

In int8, MXNet, ONNX Runtime and OpenVINO run what their own tools (NNCF for OpenVINO) quantized, all calibrated on the same images;
these models are made before and kept beside the exported networks. ngc quantizes while it compiles.

torch.compile takes part where PyTorch is installed: `pip install ".[torch]"`, or an environment of its own that has it and
ngc's requirements, whose Python NGC_BENCH_TORCH_PYTHON names. It needs a C++ compiler.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import catalog
from bench.arguments import names, numbers
from bench.calibration import zoo_calibration
from bench.cores import pick_cores, processor_name
from bench.engines import ENGINES, Job, default_engines
from bench.measures import relative_error, sqnr_db
from bench.onnx_export import export_onnx
from bench.quantizers import quantize_all
from bench.rounds import Runs, alternate
from bench.zoo_models import DEFAULT_FOLDER
from ngc.errors import NgcError

NGC = "ngc"

PRECISIONS = ("fp32", "bf16", "int8")

ONNX_READERS = ("onnxruntime", "openvino")
"""Engines that are fed ONNX files."""


@dataclass(frozen=True)
class Result:
    """One engine on one model; a line of the JSON file. What is told of loading is None where the engine saves no compiled model.

    Attributes:
        max_rel_err: the largest difference from MXNet's fp32 outputs over the largest of these, of the output where that is largest.
        sqnr_db: the power of MXNet's fp32 outputs over that of the differences, of the output where that is least; None in older files.
    """

    model: str
    engine: str
    engine_version: str
    precision: str
    threads: int
    batch: int
    median_ms: float
    min_ms: float
    p90_ms: float
    rounds: int
    max_rel_err: float
    compile_s: float
    peak_rss_mb: float
    load_s: float | None = None
    loaded_rss_mb: float | None = None
    sqnr_db: float | None = None


@dataclass(frozen=True)
class Case:
    """A model as it is measured."""

    model: str
    precision: str
    threads: int
    batch: int

    def __str__(self) -> str:
        return f"{self.model}, {self.precision}, batch {self.batch}, {self.threads} thread{'s' if self.threads > 1 else ''}"


def measure(case: Case, engines: Sequence[str], rounds: int, seconds: float, folder: Path, progress: Progress) -> tuple[list[Result], dict[str, str]]:
    """Returns the results of a case by engine, and why the engines without one have none."""
    where = str(case)
    task = progress.add_task(f"{where}: preparing", total=rounds)
    progress.refresh()
    prefix = catalog.export(case.model, folder)
    expected = catalog.reference(case.model, prefix, case.batch)
    feeds = catalog.feeds(case.model, case.batch)
    shapes, dtypes = {name: array.shape for name, array in feeds.items()}, catalog.unusual_dtypes(feeds)
    onnx, refused = "", dict[str, str]()
    if readers := [engine for engine in engines if engine in ONNX_READERS]:
        try:
            onnx = export_onnx(prefix, shapes, dtypes)
        except NgcError as error:
            refused = dict.fromkeys(readers, f"the model has no ONNX form: {error}")

    def step(building: str) -> None:
        progress.update(task, description=f"{where}: {building} builds" if building else where, advance=0 if building else 1, refresh=True)

    with tempfile.TemporaryDirectory() as scratch:
        inputs = f"{scratch}/inputs.npz"
        np.savez(inputs, **feeds)
        cores = tuple(pick_cores(case.threads))
        calibration = zoo_calibration(case.model, folder) if case.precision == "int8" else ""
        jobs = {engine: Job(engine, prefix, onnx, shapes, inputs, case.precision, case.threads, cores, calibration=calibration, dtypes=dtypes)
                for engine in engines if engine not in refused}  # fmt: skip
        ready, unquantized = quantize_all(jobs, step)
        found, missing = alternate(ready, rounds, seconds, Path(scratch), step)
    progress.remove_task(task)
    return [summarize(case, engine, runs, rounds, expected) for engine, runs in found.items()], refused | unquantized | missing


def summarize(case: Case, engine: str, runs: Runs, rounds: int, expected: Sequence[np.ndarray]) -> Result:
    """Returns the numbers that are kept of an engine's runs."""
    pairs = list(zip(runs.answers, expected, strict=True))
    load_s, loaded_rss_mb = (None, None) if runs.loaded is None else (round(runs.loaded.seconds, 3), round(runs.loaded.peak_rss_mb, 1))
    return Result(
        **asdict(case), engine=engine, engine_version=runs.version,
        median_ms=round(statistics.median(runs.times), 4), min_ms=round(min(runs.times), 4), p90_ms=round(float(np.percentile(runs.times, 90)), 4),
        rounds=rounds, max_rel_err=max(relative_error(*pair) for pair in pairs),
        compile_s=round(runs.compile_s, 3), peak_rss_mb=round(runs.peak_rss_mb, 1),
        load_s=load_s, loaded_rss_mb=loaded_rss_mb, sqnr_db=round(min(sqnr_db(*pair) for pair in pairs), 2),
    )  # fmt: skip


def table(results: Sequence[Result]) -> Table:
    """Returns the table of all results; each model ends with its best peer and how many times ngc's time that takes."""
    view = Table(title=processor_name())
    for column in ("model", "engine", "version", "precision"):
        view.add_column(column)
    for column in ("threads", "batch", "median ms", "min ms", "p90 ms", "max rel err", "SQNR dB", "compile s", "peak MB", "load s", "loaded MB"):
        view.add_column(column, justify="right")
    for case in dict.fromkeys(Case(r.model, r.precision, r.threads, r.batch) for r in results):
        group = [r for r in results if Case(r.model, r.precision, r.threads, r.batch) == case]
        for r in group:
            view.add_row(r.model, r.engine, r.engine_version, r.precision, str(r.threads), str(r.batch), f"{r.median_ms:.2f}", f"{r.min_ms:.2f}",
                         f"{r.p90_ms:.2f}", f"{r.max_rel_err:.1e}", "" if r.sqnr_db is None else f"{r.sqnr_db:.1f}",
                         f"{r.compile_s:.2f}", f"{r.peak_rss_mb:.0f}",
                         "" if r.load_s is None else f"{r.load_s:.2f}", "" if r.loaded_rss_mb is None else f"{r.loaded_rss_mb:.0f}")  # fmt: skip
        view.add_row(case.model, *_verdict(group), style="bold", end_section=True)
    return view


def _verdict(group: Sequence[Result]) -> tuple[str, ...]:
    own = [r for r in group if r.engine == NGC]
    peers = [r for r in group if r.engine != NGC]
    if not peers:
        return ("no peer",)
    best = min(peers, key=lambda r: r.median_ms)
    setting = ("", best.precision, str(best.threads), str(best.batch))
    if not own:
        return (f"best: {best.engine}", *setting, f"{best.median_ms:.2f}")
    return (f"best peer: {best.engine}", *setting, f"{best.median_ms / own[0].median_ms:.2f}x ngc")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bench.models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, type=lambda text: names(text, catalog.names(), "model"),
                        help="networks of the Gluon zoo and the models of bench.deployed, by comma")
    parser.add_argument("--engines", default=default_engines(), type=lambda text: names(text, list(ENGINES), "engine"),
                        help=f"of {','.join(ENGINES)}, by comma; all but torch unless given, torch too where it is installed")
    parser.add_argument("--precision", default=["fp32"], type=lambda text: names(text, PRECISIONS, "precision"), help=f"of {','.join(PRECISIONS)}, by comma")
    parser.add_argument("--threads", default=[1], type=numbers, help="a number, or several by comma")
    parser.add_argument("--batch", default=[1], type=numbers, help="a number, or several by comma")
    parser.add_argument("--rounds", default=20, type=int)
    parser.add_argument("--seconds", default=0.3, type=float, help="length of a round")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--zoo", default=DEFAULT_FOLDER, type=Path, help="folder where exported networks are kept")
    options = parser.parse_args()
    if "int8" in options.precision and (others := [name for name in options.models if not catalog.in_zoo(name)]):
        parser.error(f"int8 is measured on networks of the zoo, which there are calibration images for, not on {', '.join(others)}")
    console = Console(width=None if Console().is_terminal else 170)
    results: list[Result] = []
    # No refreshing thread: it would take time from what is measured.
    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        cases = [Case(model, precision, threads, batch)
                 for model in options.models for precision in options.precision for batch in options.batch for threads in options.threads]  # fmt: skip
        for case in progress.track(cases, description="all"):
            found, missing = measure(case, options.engines, options.rounds, options.seconds, options.zoo, progress)
            results += found
            for engine, reason in missing.items():
                progress.console.print(f"{case}: no result of {engine}: {reason}", markup=False, soft_wrap=True)
            if options.json:  # after every case: a long run that is interrupted keeps what it has
                options.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")
    console.print(table(results))


if __name__ == "__main__":
    main()
