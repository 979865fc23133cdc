"""`ngc-eval predict`: evaluates a model on a data set, on a file of addresses, on generated inputs, or under load."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ngc.evaluate.cli.predict_checks import check_flags
from ngc.evaluate.cli.predict_flags import (
    add_common_flags,
    add_dataset_flags,
    add_latency_bound,
    add_load_flags,
    add_raw_flags,
    add_urls_flags,
)


@dataclass(frozen=True)
class Mode:
    """One mode of the command.

    Attributes:
        aliases: other names of it, those of the agents.
        help: what it measures.
        add_flags: adds the flags that it has for itself.
        run: does it.
    """

    aliases: tuple[str, ...]
    help: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def add_command(commands: Any) -> None:
    """Adds the command and its modes to the parser."""
    parser = commands.add_parser("predict", help="evaluate a model: accuracy, latency, load",
                                 description="Evaluates a model. Flags of all modes may stand before the mode or after it.")
    add_common_flags(parser, repeated=False)
    modes = parser.add_subparsers(title="modes", required=True, metavar="MODE")
    for name, mode in MODES.items():
        below = modes.add_parser(name, aliases=mode.aliases, help=mode.help, description=f"Measures {mode.help}.")
        mode.add_flags(below)
        add_common_flags(below, repeated=True)
        below.set_defaults(command=predict_command, mode=name)


def predict_command(args: argparse.Namespace) -> None:
    """Runs the mode; SIGTERM, a closed terminal and the end of --time_out are like Ctrl-C."""
    from ngc.evaluate.run.interrupts import orderly_end

    check_flags(args)
    with orderly_end(args.time_out):
        MODES[args.mode].run(args)


def _dataset(args: argparse.Namespace) -> None:
    from ngc.evaluate.cli.predict_parts import evaluate_job  # what it builds on is loaded by whoever evaluates
    from ngc.evaluate.cli.predict_setup import dataset_job

    evaluate_job(args, dataset_job(args))


def _urls(args: argparse.Namespace) -> None:
    from ngc.evaluate.cli.predict_parts import evaluate_job
    from ngc.evaluate.cli.predict_setup import urls_job

    evaluate_job(args, urls_job(args))


def _raw(args: argparse.Namespace) -> None:
    from ngc.evaluate.cli.predict_parts import evaluate_job
    from ngc.evaluate.cli.predict_setup import raw_job

    evaluate_job(args, raw_job(args))


def _workload(args: argparse.Namespace) -> None:
    from ngc.evaluate.cli.predict_load import workload_command

    workload_command(args)


def _max_qps(args: argparse.Namespace) -> None:
    from ngc.evaluate.cli.predict_load import max_qps_command

    max_qps_command(args)


def _add_max_qps_flags(parser: argparse.ArgumentParser) -> None:
    add_load_flags(parser, initial_qps=8.0, min_duration=1000, min_queries=4096)
    add_latency_bound(parser)


MODES = {
    "dataset": Mode((), "accuracy and latency on a data set", add_dataset_flags, _dataset),
    "urls": Mode(("url",), "latency on the paths and addresses that a file lists", add_urls_flags, _urls),
    "raw": Mode((), "latency on generated inputs", add_raw_flags, _raw),
    "workload": Mode(("work-load",), "latency under a load of queries at random times",
                     lambda parser: add_load_flags(parser, initial_qps=16.0, min_duration=100, min_queries=512), _workload),
    "max-qps": Mode(("qps", "findmaxqps", "maxqps"), "the largest load under a bound of latency", _add_max_qps_flags, _max_qps),
}
"""Modes by name, in the order of the help."""
