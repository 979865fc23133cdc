"""Parses ngc-eval's command line, runs one command, and turns errors into a line and an exit code.

0: done. 1: the command failed; one line on stderr says why. 2: the command line itself is wrong.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from ngc import __version__
from ngc.cli.main import Parser
from ngc.errors import NgcError
from ngc.evaluate.cli.flags import add_flag

COMMANDS: tuple[str, ...] = ("model",)
"""Modules of this package, in the order of the help: `add_command(commands)` adds a parser whose `command` takes the parsed arguments."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    try:
        args = _parser().parse_args(argv)
        logging.basicConfig(level=_log_level(args), format="ngc-eval: %(levelname)s: %(message)s", stream=sys.stderr)
        args.command(args)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        print(f"ngc-eval: error: the package {error.name} is missing: pip install 'ngc[eval]', for --engine=ray 'ngc[eval,ray]'", file=sys.stderr)
        return 1
    except NgcError as error:
        print(f"ngc-eval: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `ngc-eval info … | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("ngc-eval: interrupted", file=sys.stderr)
        return 130
    return 0


def _log_level(args: argparse.Namespace) -> int:
    return logging.DEBUG if args.debug else logging.INFO if args.verbose else logging.WARNING


def _parser() -> Parser:
    parser = Parser(prog="ngc-eval", description="Evaluates models from their manifests: how accurate, how fast, how many requests a second, where time goes.")
    parser.add_argument("--version", action="version", version=f"ngc {__version__}")
    add_flag(parser, "verbose", False, "say more about what is done", short="v")
    add_flag(parser, "debug", False, "say everything", short="d")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"ngc.evaluate.cli.{name}").add_command(commands)
    return parser
