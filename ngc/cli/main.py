"""Parses the command line, runs one command, and turns errors into a line and an exit code.

0: done. 1: the command failed; one line on stderr says why. 2: the command line itself is wrong.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from ngc import __version__
from ngc.cli import bench, cache, calibrate, compile, coverage, info, quantization_report, run
from ngc.errors import NgcError


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line in one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with exit code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="ngc: %(levelname)s: %(message)s", stream=sys.stderr)
    try:
        args.command(args)
        sys.stdout.flush()
    except NgcError as error:
        print(f"ngc: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `ngc info … | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("ngc: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> Parser:
    parser = Parser(prog="ngc", description="Compiles Apache MXNet models for inference, and runs and inspects what it compiled.")
    parser.add_argument("--version", action="version", version=f"ngc {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more about what is done")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (compile, coverage, calibrate, quantization_report, run, bench, info, cache):
        module.add_command(commands)
    return parser
