"""Measures the residual block that MXNet's oneDNN tutorial fuses: what fusion gains, in ngc and in MXNet, beside the peers.

`python -m bench.sample_block [--threads 1,2] [--rounds 20] [--json FILE]`

Two 3x3 convolutions of 64 channels, each with a batch norm, a relu between them, the block's input added, and a relu: on one input of
64 channels and 224x224. ngc and MXNet run as they are and with their fusion switched off. How the measurement is made tells
`bench.models`; the file has the same lines. Errors are against MXNet with fusion switched off.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.arguments import numbers
from bench.cores import pick_cores, processor_name
from bench.engines import Job, default_engines
from bench.models import NGC, Case, Result, summarize
from bench.onnx_export import export_onnx
from bench.rounds import alternate
from bench.zoo_models import DEFAULT_FOLDER, randomize, sample_images

BLOCK = "sample_block"

CHANNELS = 64
SHAPE = (1, CHANNELS, 224, 224)

UNFUSED_NGC = "ngc unfused"
UNFUSED_MXNET = "mxnet unfused"

VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    NGC: (NGC, {}),
    # fuse-elementwise stays: it gives the operators between convolutions their kernels.
    UNFUSED_NGC: (NGC, {"NGC_DISABLE_PASSES": "fold-batch-norm,fuse-conv,fuse-preactivation,fuse-prologue"}),
    "mxnet": ("mxnet", {}),
    UNFUSED_MXNET: ("mxnet", {"MXNET_SUBGRAPH_BACKEND": "NONE"}),
    "onnxruntime": ("onnxruntime", {}),
    "openvino": ("openvino", {}),
    "torch": ("torch", {}),
}
"""What is measured: an engine, and variables that put it in another mode."""


class ReferenceMissing(Exception):
    """MXNet did not run, so there is nothing to compare with."""


def export_block(folder: Path) -> str:
    """Returns the checkpoint prefix of the block, exported by MXNet in a process of its own unless it is there already.

    Raises:
        subprocess.CalledProcessError: the export failed; its output is on stderr.
    """
    prefix = folder / BLOCK
    if not Path(f"{prefix}-0000.params").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "bench.sample_block", "--export", str(prefix)], check=True)
    return str(prefix)


def _export(prefix: Path) -> None:
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    # Layer for layer the block of the tutorial, which writes it out by hand.
    block = mx.gluon.model_zoo.vision.BasicBlockV1(CHANNELS, 1, in_channels=CHANNELS)
    images = sample_images(np.random.default_rng(2), SHAPE)
    randomize(mx, block, images, seed=0)
    block.hybridize()
    block(mx.nd.array(images)).wait_to_read()
    with tempfile.TemporaryDirectory(dir=prefix.parent) as folder:
        block.export(f"{folder}/model")
        for suffix in ("-symbol.json", "-0000.params"):  # the parameters last: they tell that the export is whole
            os.replace(f"{folder}/model{suffix}", f"{prefix}{suffix}")


def measure(threads: int, rounds: int, seconds: float, folder: Path, progress: Progress) -> tuple[list[Result], dict[str, str]]:
    """Returns the results of all variants by name, and why those without one have none.

    Raises:
        ReferenceMissing: MXNet is not installed or failed.
    """
    task = progress.add_task(f"{threads} thread(s)", total=rounds)
    prefix = export_block(folder)
    onnx = export_onnx(prefix, {"data": SHAPE})

    def step(building: str) -> None:
        text = f"{threads} thread(s): {building} builds" if building else f"{threads} thread(s)"
        progress.update(task, description=text, advance=0 if building else 1, refresh=True)

    with tempfile.TemporaryDirectory() as scratch:
        inputs = f"{scratch}/inputs.npz"
        np.savez(inputs, data=sample_images(np.random.default_rng(1), SHAPE))
        cores = tuple(pick_cores(threads))
        jobs = {name: Job(engine, prefix, onnx, {"data": SHAPE}, inputs, "fp32", threads, cores, environment=environment)
                for name, (engine, environment) in VARIANTS.items() if engine in default_engines()}  # fmt: skip
        found, missing = alternate(jobs, rounds, seconds, Path(scratch), step)
    progress.remove_task(task)
    if UNFUSED_MXNET in missing:
        raise ReferenceMissing(f"no result of {UNFUSED_MXNET}, which all others are compared with: {missing[UNFUSED_MXNET]}")
    expected = found[UNFUSED_MXNET].answers
    return [summarize(Case(BLOCK, "fp32", threads, 1), name, runs, rounds, expected) for name, runs in found.items()], missing


def ratios(results: Sequence[Result]) -> dict[str, float]:
    """Returns how many times ngc's time others take, under one number of threads: fusion switched off, MXNet's two modes, the best peer."""
    times = {result.engine: result.median_ms for result in results}
    own = times.pop(NGC)
    unfused = times.pop(UNFUSED_NGC, None)
    named = {UNFUSED_NGC: unfused, "mxnet": times.get("mxnet"), UNFUSED_MXNET: times.get(UNFUSED_MXNET)}
    found = {f"{name} / ngc": time / own for name, time in named.items() if time is not None}
    if times:
        best = min(times, key=lambda name: times[name])
        found[f"best peer ({best}) / ngc"] = times[best] / own
    return found


def table(results: Sequence[Result]) -> Table:
    """Returns the table of all results; each number of threads ends with the ratios."""
    view = Table(title=processor_name())
    view.add_column("variant")
    for column in ("threads", "median ms", "min ms", "p90 ms", "max rel err"):
        view.add_column(column, justify="right")
    for threads in dict.fromkeys(result.threads for result in results):
        group = [result for result in results if result.threads == threads]
        for r in group:
            view.add_row(r.engine, str(r.threads), f"{r.median_ms:.2f}", f"{r.min_ms:.2f}", f"{r.p90_ms:.2f}", f"{r.max_rel_err:.1e}")
        view.add_section()
        if any(result.engine == NGC for result in group):
            for name, ratio in ratios(group).items():
                view.add_row(name, str(threads), f"{ratio:.2f}x", style="bold")
        view.add_section()
    return view


def main() -> None:
    """Runs the command line."""
    if sys.argv[1:2] == ["--export"]:
        _export(Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(prog="bench.sample_block", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default=[1], type=numbers, help="a number, or several by comma")
    parser.add_argument("--rounds", default=20, type=int)
    parser.add_argument("--seconds", default=0.3, type=float, help="length of a round")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--zoo", default=DEFAULT_FOLDER, type=Path, help="folder where the exported block is kept")
    options = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 150)
    results: list[Result] = []
    # No refreshing thread: it would take time from what is measured.
    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        for threads in options.threads:
            try:
                found, missing = measure(threads, options.rounds, options.seconds, options.zoo, progress)
            except ReferenceMissing as error:
                sys.exit(str(error))
            results += found
            for name, reason in missing.items():
                progress.console.print(f"{threads} thread(s): no result of {name}: {reason}", markup=False)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")
    console.print(table(results))


if __name__ == "__main__":
    main()
