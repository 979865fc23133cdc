"""The demo: `make demo`, or `python -m examples.demo`.

Trains a small residual network with MXNet, compiles its checkpoint with ngc and compares the two on held-out digits; evaluates
the one that comes with ngc from its manifest, with a page of results; then compiles ResNet-50 v2 and times both. Without MXNet
it uses the checkpoint that comes with ngc and says what it leaves out.
"""

import argparse
import os
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import ngc
from examples.digits_data import Digits, held_out_digits
from examples.digits_network import EPOCHS, KEPT, export, mxnet_answer, train
from examples.evaluation.digits import evaluation_demo
from examples.random_weights import draw_parameters
from ngc.cpus import physical_cores

RESNET = "resnet50_v2"
RESNET_SHAPE = (1, 3, 224, 224)
RESNET_SYMBOL = Path(__file__).parent / "resnet50_v2-symbol.json"


def digits_demo(folder: Path, mxnet: bool, console: Console) -> None:
    """Trains where MXNet is there, compiles, and classifies the held-out digits."""
    console.rule("Handwritten digits: a pre-activation residual network")
    prefix = str(KEPT)
    if mxnet:
        prefix = str(folder / "digits")
        _train(prefix, console)
    else:
        console.print(f"using the trained checkpoint that is kept with the examples: {os.path.relpath(prefix)}-symbol.json, -0000.params")
    digits = held_out_digits()
    begin = time.perf_counter()
    executable = ngc.compile(prefix, shapes={"data": ("N", *digits.images.shape[1:])})
    console.print(f"compiled by ngc in {time.perf_counter() - begin:.1f} s: {executable!r}")
    logits = executable.run({"data": digits.images})[0]
    table = Table("", "held-out digits right")
    table.add_row("ngc", _accuracy(logits, digits))
    if mxnet:
        expected = mxnet_answer(prefix, digits.images)
        table.add_row("MXNet", _accuracy(expected, digits))
    console.print(table)
    if mxnet:
        difference = float(np.abs(logits - expected).max())
        console.print(f"largest difference between the two: {difference:.1e}, of logits up to {np.abs(expected).max():.1f}")


def resnet_demo(folder: Path, mxnet: bool, console: Console) -> None:
    """Compiles ResNet-50 v2, tells what the passes did, and times it, beside MXNet where that is there."""
    console.rule("ResNet-50 v2")
    if mxnet:
        from bench.zoo_models import export_zoo

        with console.status("exporting ResNet-50 v2 from the Gluon zoo: seeded weights, batch-norm statistics from a forward pass"):
            model, parameters = export_zoo(RESNET, folder), None
    else:
        model = str(RESNET_SYMBOL)
        with console.status("drawing seeded weights"):
            parameters = draw_parameters(RESNET_SYMBOL)
    shapes = {"data": RESNET_SHAPE}
    before = ngc.import_model(model, parameters, shapes=shapes).count()
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        executable = ngc.compile(model, parameters, shapes=shapes)
        seconds.append(time.perf_counter() - begin)
    console.print(_counts(before, executable.graph.count()))
    console.print(f"compile time {seconds[0]:.1f} s, again with every kernel in the cache {seconds[1]:.1f} s")
    _latencies(model, parameters, folder, mxnet, console)
    dump = folder / f"{RESNET}-dump"
    with console.status("writing the IR after every pass, LLVM IR and assembly"):
        ngc.compile(model, parameters, shapes=shapes, dump_dir=dump)
    console.print(f"the IR after every pass is in {dump}/, its index is {dump / 'index.html'}", soft_wrap=True)


def _train(prefix: str, console: Console) -> None:
    from examples.digits_data import training_digits
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    begin = time.perf_counter()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("training with MXNet", total=EPOCHS)
        net = train(mx, training_digits(), lambda: progress.advance(task))
    export(net, prefix)
    console.print(f"trained with MXNet in {time.perf_counter() - begin:.1f} s; checkpoint {prefix}-symbol.json, {prefix}-0000.params", soft_wrap=True)


def _accuracy(logits: np.ndarray, digits: Digits) -> str:
    right = int((logits.argmax(1) == digits.labels).sum())
    return f"{right} of {len(digits)}: {right / len(digits):.2%}"


def _counts(before: dict[str, int], after: dict[str, int]) -> Table:
    table = Table("operators")
    table.add_column("before the passes", justify="right")
    table.add_column("after", justify="right")
    for name in [*before, *(name for name in after if name not in before)]:
        table.add_row(name, str(before.get(name, "")), str(after.get(name, "")))
    table.add_section()
    table.add_row("all", str(sum(before.values())), str(sum(after.values())), style="bold")
    return table


def _latencies(model: str, parameters: dict[str, np.ndarray] | None, folder: Path, mxnet: bool, console: Console) -> None:
    """Prints the median latency on 1 and on all cores."""
    table = Table("latency of one image")
    for name in ("ngc ms", "MXNet ms", "MXNet / ngc") if mxnet else ("ngc ms",):
        table.add_column(name, justify="right")
    for threads in sorted({1, physical_cores()}):
        cores = "1 core" if threads == 1 else f"{threads} cores"
        if not mxnet:
            executable = ngc.compile(model, parameters, shapes={"data": RESNET_SHAPE}, threads=threads)
            table.add_row(cores, f"{_median_ms(executable):.1f}")
            continue
        from bench.models import Case, measure

        # No refreshing thread: it would take time from what is measured.
        with Progress(console=console, auto_refresh=False, transient=True, disable=not console.is_terminal) as progress:
            results, missing = measure(Case(RESNET, "fp32", threads, 1), ["ngc", "mxnet"], 12, 0.4, folder, progress)
        if missing:
            sys.exit("\n".join(f"{engine}: {reason}" for engine, reason in missing.items()))
        times = {result.engine: result.median_ms for result in results}
        table.add_row(cores, f"{times['ngc']:.1f}", f"{times['mxnet']:.1f}", f"{times['mxnet'] / times['ngc']:.2f}")
    console.print(table)


def _median_ms(executable: "ngc.Executable", runs: int = 30) -> float:
    feeds = {"data": np.random.default_rng(1).standard_normal(RESNET_SHAPE, dtype=np.float32)}
    times = []
    for _ in range(runs + runs // 2):
        begin = time.perf_counter()
        executable.run(feeds)
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times[runs // 2 :])


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="examples.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=Path("out/demo"), type=Path, help="where checkpoints and the dump go")
    parser.add_argument("--without-mxnet", action="store_true", help="do as if MXNet were not installed")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # or MXNet remarks on its backend whenever it binds
    mxnet = not options.without_mxnet and all(find_spec(name) for name in ("mxnet", "sklearn"))
    if not mxnet:
        console.print("MXNet (or scikit-learn) is not installed: no training and no comparison. MXNet 1.9.1 installs on Python 3.11 or older.")
    digits_demo(options.folder, mxnet, console)
    evaluation_demo(options.folder, mxnet, console)
    resnet_demo(options.folder, mxnet, console)


if __name__ == "__main__":
    main()
