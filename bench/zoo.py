"""Compares ngc with MXNet over all networks of the Gluon vision zoo: largest difference over largest logit.

`python -m bench.zoo [--models resnet18_v1,...] [--targets cpu,cpu:x86-64-v3] [--batches 1,2] [--precision fp32]
    [--numerics fast] [--route onnx]`

One executable per network and target serves all batches. Exits with 1 if a network is further off than the tolerance or
does not compile. A route takes what an engine is given to a runtime that every machine has, instead of ngc's executable; it
is compiled for each batch.
"""

import argparse
import sys
import time
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
from bench.zoo_routes import ROUTES

TOLERANCES = {("fp32", "fast"): 1e-4, ("fp32", "exact"): 1e-5, ("bf16", "fast"): 5e-2, ("bf16", "exact"): 5e-2}
"""fp32 through 150 layers, in another order of summation, with and without Winograd transforms; bf16 with a rounding of 2**-9 on average behind each layer."""


@dataclass(frozen=True)
class Comparison:
    """A network on a target or a route: errors by batch, or why there are none; the seconds that compiling took, for all batches together."""

    network: str
    target: str
    errors: dict[int, float]
    tolerance: float
    failure: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it ran and all errors are within the tolerance; a NaN is not."""
        return not self.failure and all(error <= self.tolerance for error in self.errors.values())


def compare(network: str, target: str, precision: str, numerics: str, batches: Sequence[int], folder: Path) -> Comparison:
    """Returns the errors of one network on one target."""
    prefix = export_zoo(network, folder)
    expected = {batch: reference(network, prefix, batch) for batch in batches}
    begun = time.perf_counter()
    try:
        executable = ngc.compile(prefix, shapes={"data": ("N", *input_shape(network)[1:])}, target=target, precision=precision, numerics=numerics)
    except ngc.NgcError as error:
        return Comparison(network, target, {}, TOLERANCES[precision, numerics], f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - begun
    answers = {batch: executable.run({"data": sample_input(network, batch)})[0] for batch in batches}
    return Comparison(network, target, errors_of(answers, expected), TOLERANCES[precision, numerics], seconds=seconds)


def compare_route(network: str, route: str, batches: Sequence[int], folder: Path) -> Comparison:
    """Returns the errors of one network on one route."""
    prefix = export_zoo(network, folder)
    expected = {batch: reference(network, prefix, batch) for batch in batches}
    tolerance = TOLERANCES["fp32", "fast"]
    try:
        results = {batch: ROUTES[route](network, prefix, batch) for batch in batches}
    except Exception as error:  # the other runtime's too: one network's failure is a row of the table
        return Comparison(network, route, {}, tolerance, f"{type(error).__name__}: {error}")
    answers = {batch: answer for batch, (answer, _) in results.items()}
    return Comparison(network, route, errors_of(answers, expected), tolerance, seconds=sum(seconds for _, seconds in results.values()))


def errors_of(answers: dict[int, np.ndarray], expected: dict[int, np.ndarray]) -> dict[int, float]:
    """Returns the relative errors by batch; NaN where an answer is not finite."""
    return {batch: relative_error(answer, expected[batch]) if np.isfinite(answer).all() else float("nan") for batch, answer in answers.items()}


def compare_all(networks: Sequence[str], targets: Sequence[str], precision: str, numerics: str, batches: Sequence[int], folder: Path,
                discard: bool, route: str | None = None) -> Iterator[Comparison]:
    """Yields each comparison as it is done; draws a progress bar. A route stands for its only target."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(networks) * len(targets))
        for network in networks:
            for target in targets:
                progress.update(task, description=f"{network}, {target}")
                yield compare_route(network, route, batches, folder) if route else compare(network, target, precision, numerics, batches, folder)
                progress.advance(task)
            if discard:
                for path in folder.glob(f"{network}-*"):
                    path.unlink()


def show(results: Sequence[Comparison], batches: Sequence[int], console: Console) -> None:
    """Prints the table and the largest error."""
    table = Table("network", "target", *(f"batch {batch}" for batch in batches), "compile, s", "")
    for result in results:
        errors = [f"{result.errors[batch]:.1e}" if batch in result.errors else "-" for batch in batches]
        table.add_row(result.network, result.target, *errors, f"{result.seconds:.1f}", "ok" if result.passed else result.failure or "off")
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
    parser.add_argument("--route", choices=ROUTES, help="what an engine is given, on another runtime, in fp32: onnx is the ONNX model in ONNX Runtime, "
                        "neuron:cpu the StableHLO module on XLA's CPU client")
    parser.add_argument("--batches", default="1,2", help="batches by comma")
    parser.add_argument("--zoo", default=DEFAULT_FOLDER, type=Path, help="folder where exported networks are kept: 6 GB for all")
    parser.add_argument("--discard", action="store_true", help="remove each exported network after its comparison")
    options = parser.parse_args()
    networks = options.models.split(",")
    if unknown := [name for name in networks if name not in NETWORKS]:
        parser.error(f"unknown: {', '.join(unknown)}; the zoo has {', '.join(NETWORKS)}")
    if options.route and options.precision != "fp32":
        parser.error(f"--route compares in fp32, not in {options.precision}")
    batches = [int(item) for item in options.batches.split(",")]
    targets = [options.route] if options.route else options.targets.split(",")
    results = list(compare_all(networks, targets, options.precision, options.numerics, batches, options.zoo, options.discard, options.route))
    show(results, batches, Console(width=None if Console().is_terminal else 150))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
