"""Measures what int8 costs in accuracy: ngc beside MXNet's quantizer, ONNX Runtime's, and OpenVINO with NNCF, on the same networks and calibration data.

`python -m bench.accuracy [--models resnet_v1,resnet_v2,mobilenet_v2,vgg] [--engines ngc,mxnet,onnxruntime,openvino] [--json out.json]`

trains small networks with MXNet on scikit-learn's handwritten digits at 32x32, once (some minutes; they are kept in out/accuracy), and compares top-1
in fp32 and in int8 on 600 digits that no network has seen, how many of them get the same top-1 in both, and the signal-to-quantization-noise ratio of
the logits: 10 log10(sum(fp32^2) / sum((fp32 - int8)^2)) over all images, where fp32 is MXNet's answer. All engines calibrate on the same 128 digits of
the training set.

`python -m bench.accuracy --zoo [--models resnet50_v2,...]`

does that for networks of the Gluon zoo with seeded weights, which have no top-1: 32 images to calibrate on, 16 others to compare. Quantizing takes the
peers some minutes the first time; what they made is kept beside the exported networks (out/zoo).

Needs MXNet, and what `pip install ngc[bench,demo]` installs.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from bench.accuracy.compare import Accuracy, compare, verdicts
from bench.accuracy.models import ZOO_NETWORKS, trained_model, zoo_model
from bench.accuracy.networks import NETWORKS
from bench.arguments import names
from bench.zoo_models import DEFAULT_FOLDER
from bench.zoo_models import NETWORKS as ZOO

NGC = "ngc"
ENGINES = (NGC, "mxnet", "onnxruntime", "openvino")
DIGITS_FOLDER = Path("out/accuracy")


def table(rows: Sequence[Accuracy]) -> Table:
    """Returns the table of all results; each network ends with its best peer by SQNR and how far ngc is above it."""
    view = Table()
    for column in ("network", "engine", "version"):
        view.add_column(column)
    for column in ("images", "fp32 top-1", "int8 top-1", "agreement", "SQNR dB"):
        view.add_column(column, justify="right")
    best = {network: (peer, gain) for network, peer, gain in verdicts(rows, NGC)}
    for network in dict.fromkeys(row.network for row in rows):
        for row in rows:
            if row.network == network:
                view.add_row(network, row.engine, row.engine_version, str(row.images), _percent(row.fp32_top1), _percent(row.int8_top1),
                             _percent(row.agreement), f"{row.sqnr_db:.1f}")  # fmt: skip
        if network in best:
            peer, gain = best[network]
            view.add_row(network, f"{NGC} - {peer}", "", "", "", "", "", f"{gain:+.1f}", style="bold")
        view.add_section()
    return view


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _describe(progress: Progress, task: TaskID, network: str, what: str) -> None:
    progress.update(task, description=f"{network}: {what}")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bench.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", action="store_true", help="networks of the Gluon zoo with seeded weights instead of trained ones")
    parser.add_argument("--models", help=f"networks by comma; {','.join(NETWORKS)} unless given, or with --zoo {','.join(ZOO_NETWORKS)}")
    parser.add_argument("--engines", default=list(ENGINES), type=lambda text: names(text, ENGINES, "engine"), help=f"of {','.join(ENGINES)}, by comma")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    parser.add_argument("--folder", type=Path, help=f"where networks are kept; {DIGITS_FOLDER} unless given, or with --zoo {DEFAULT_FOLDER}")
    options = parser.parse_args()
    models, make, folder = (ZOO_NETWORKS, zoo_model, DEFAULT_FOLDER) if options.zoo else (tuple(NETWORKS), trained_model, DIGITS_FOLDER)
    if options.models:
        try:
            models = tuple(names(options.models, ZOO if options.zoo else list(NETWORKS), "model"))
        except argparse.ArgumentTypeError as error:
            parser.error(str(error))
    rows: list[Accuracy] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(models))
        for name in models:
            progress.update(task, description=f"{name}: preparing")
            model = make(name, options.folder or folder)
            found, missing = compare(model, options.engines, partial(_describe, progress, task, name))
            rows += found
            for engine, reason in missing.items():
                progress.console.print(f"{name}: no result of {engine}: {reason}", markup=False, soft_wrap=True)
            progress.advance(task)
            if options.json:  # after every network: a run that is interrupted keeps what it has
                options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    console = Console(width=None if Console().is_terminal else 120)
    console.print(table(rows))


if __name__ == "__main__":
    main()
