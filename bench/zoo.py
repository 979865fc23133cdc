"""Compares ngc with MXNet over all networks of the Gluon vision zoo: largest difference over largest logit.

`python -m bench.zoo [--models resnet18_v1,...] [--targets cpu,cpu:x86-64-v3] [--batches 1,2] [--precision fp32]
    [--numerics fast]`

One executable per network and target serves all batches. Exits with 1 if a network is further off than the tolerance or
does not compile.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import ngc
from bench.measures import relative_error
from bench.zoo_models import DEFAULT_FOLDER, NETWORKS, export_zoo, input_shape, reference, sample_input

TOLERANCES = {("fp32", "fast"): 1e-4, ("fp32", "exact"): 1e-5, ("bf16", "fast"): 5e-2, ("bf16", "exact"): 5e-2}
"""fp32 through 150 layers, in another order of summation, with and without Winograd transforms; bf16 with a rounding of 2**-9 on average behind each layer."""


@dataclass(frozen=True)
class Comparison:
    """A network on a target: errors by batch, or why there are none."""

    network: str
    target: str
    errors: dict[int, float]
    tolerance: float
    failure: str = ""

    @property
    def passed(self) -> bool:
        """Whether it ran and all errors are within the tolerance; a NaN is not."""
        return not self.failure and all(error <= self.tolerance for error in self.errors.values())


def compare(network: str, target: str, precision: str, numerics: str, batches: Sequence[int], folder: Path) -> Comparison:
    """Returns the errors of one network on one target."""
    prefix = export_zoo(network, folder)
    expected = {batch: reference(network, prefix, batch) for batch in batches}
    try:
        executable = ngc.compile(prefix, shapes={"data": ("N", *input_shape(network)[1:])}, target=target, precision=precision, numerics=numerics)
    except ngc.NgcError as error:
        return Comparison(network, target, {}, TOLERANCES[precision, numerics], f"{type(error).__name__}: {error}")
    errors = {}
    for batch in batches:
        answer = executable.run({"data": sample_input(network, batch)})[0]
        errors[batch] = relative_error(answer, expected[batch]) if np.isfinite(answer).all() else float("nan")
    return Comparison(network, target, errors, TOLERANCES[precision, numerics])


def compare_all(networks: Sequence[str], targets: Sequence[str], precision: str, numerics: str, batches: Sequence[int], folder: Path,
                discard: bool) -> Iterator[Comparison]:
    """Yields each comparison as it is done; draws a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(networks) * len(targets))
        for network in networks:
            for target in targets:
                progress.update(task, description=f"{network}, {target}")
                yield compare(network, target, precision, numerics, batches, folder)
                progress.advance(task)
            if discard:
                for path in folder.glob(f"{network}-*"):
                    path.unlink()


def show(results: Sequence[Comparison], batches: Sequence[int], console: Console) -> None:
    """Prints the table and the largest error."""
    table = Table("network", "target", *(f"batch {batch}" for batch in batches), "")
    for result in results:
        errors = [f"{result.errors[batch]:.1e}" if batch in result.errors else "-" for batch in batches]
        table.add_row(result.network, result.target, *errors, "ok" if result.passed else result.failure or "off")
    console.print(table)
    measured = [(error, result) for result in results for error in result.errors.values()]
    if measured:
        worst, result = max(measured, key=lambda item: np.inf if np.isnan(item[0]) else item[0])
        console.print(f"largest error: {worst:.2e} ({result.network}, {result.target}); tolerance {result.tolerance:.0e}")
    failed = [result for result in results if not result.passed]
    console.print(f"{len(results) - len(failed)} of {len(results)} within the tolerance")


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bench.zoo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(NETWORKS), help="networks by comma; all of them unless given")
    parser.add_argument("--targets", default="cpu,cpu:x86-64-v3", help="targets by comma")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"], help="what ngc computes in; MXNet computes in fp32")
    parser.add_argument("--numerics", default="fast", choices=["fast", "exact"], help="exact: direct summation only")
    parser.add_argument("--batches", default="1,2", help="batches by comma")
    parser.add_argument("--zoo", default=DEFAULT_FOLDER, type=Path, help="folder where exported networks are kept: 6 GB for all")
    parser.add_argument("--discard", action="store_true", help="remove each exported network after its comparison")
    options = parser.parse_args()
    networks = options.models.split(",")
    if unknown := [name for name in networks if name not in NETWORKS]:
        parser.error(f"unknown: {', '.join(unknown)}; the zoo has {', '.join(NETWORKS)}")
    batches = [int(item) for item in options.batches.split(",")]
    results = list(compare_all(networks, options.targets.split(","), options.precision, options.numerics, batches, options.zoo, options.discard))
    show(results, batches, Console(width=None if Console().is_terminal else 150))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
