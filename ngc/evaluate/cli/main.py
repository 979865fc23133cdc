"""Parses ngc-eval's command line, runs one command, and turns errors into a line and an exit code.

0: done. 1: the command failed; one line on stderr says why. 2: the command line itself is wrong. 130: interrupted.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ngc import __version__
from ngc.errors import EvaluationError, NgcError
from ngc.evaluate.cli.config import apply_config, default_file, file_of
from ngc.evaluate.cli.flags import add_flag
from ngc.evaluate.cli.parser import EvalParser, walk

COMMANDS: tuple[str, ...] = ("predict", "info", "report", "model")
"""Modules of this package, in the order of the help: `add_command(commands)` adds a parser whose `command` takes the parsed arguments."""

PROFILE = "ngc-eval.prof"
"""What --profile writes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        logging.basicConfig(level=logging.DEBUG if args.debug else logging.WARNING, format="ngc-eval: %(levelname)s: %(message)s", stream=sys.stderr)
        logging.getLogger("ngc").setLevel(logging.INFO if args.verbose and not args.debug else logging.NOTSET)
        logging.getLogger("sqlalchemy").setLevel(logging.NOTSET if args.debug else logging.CRITICAL)  # the store's errors say what there is to say
        with _profiled(args):
            args.command(args)
        sys.stdout.flush()
    except ModuleNotFoundError as error:
        print(f"ngc-eval: error: the package {error.name} is missing: pip install 'ngc[eval]', for --engine=ray 'ngc[eval,ray]'", file=sys.stderr)
        return 1
    except NgcError as error:
        print(f"ngc-eval: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `ngc-eval info … | head`: whoever read has seen enough
        _drop_output()
        return 1
    except MemoryError as error:
        print(f"ngc-eval: error: out of memory{f': {error}' if str(error) else ''}", file=sys.stderr)
        return 1
    except OSError as error:  # no space is left where stdout goes to, for example
        logging.getLogger("ngc").debug("where that happened:", exc_info=True)
        _drop_output()
        print(f"ngc-eval: error: {error.filename or 'cannot read or write'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"ngc-eval: interrupted{f': {interrupt}' if interrupt.args else ''}", file=sys.stderr)
        return 130
    return 0


def _drop_output() -> None:
    """Drops what stdout holds where it cannot be written: it would fail again when the process ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Returns the arguments; what the command line leaves open is as the configuration file says."""
    parser = _parser()
    args = parser.parse_args(argv)
    path = file_of(args)
    if path is not None:
        apply_config(parser, path)
        args = parser.parse_args(argv)
    return args


def _parser() -> EvalParser:
    parser = EvalParser(prog="ngc-eval", description="Evaluates models from their manifests: how accurate, how fast, how many requests a second, where time "
                        "goes. Flags of the same name mean what they mean to the MLModelScope agents; each may be spelled with dashes too.")
    parser.add_argument("--version", action="version", version=f"ngc {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"ngc.evaluate.cli.{name}").add_command(commands)
    for each in walk(parser):
        _add_global_flags(each, repeated=each is not parser)
    return parser


def _add_global_flags(parser: argparse.ArgumentParser, *, repeated: bool) -> None:
    """Adds the flags that may stand before and after every command."""
    group = parser.add_argument_group("all commands")
    add_flag(group, "config", "", f"a YAML file with values of flags; the command line wins (default: {default_file()}, if it is there)", repeated=repeated)
    add_flag(group, "profile", False, f"profile the command itself with cProfile, into {PROFILE} of --base_dir, or of this folder", repeated=repeated)
    add_flag(group, "verbose", False, "say more about what is done", short="v", repeated=repeated)
    add_flag(group, "debug", False, "say everything", short="d", repeated=repeated)


@contextmanager
def _profiled(args: argparse.Namespace) -> Iterator[None]:
    """Writes a profile of what runs within, where --profile asks for it; also of what fails."""
    if not args.profile:
        yield
        return
    import cProfile  # only --profile needs it

    path = Path(getattr(args, "base_dir", ".")) / PROFILE
    profile = cProfile.Profile()
    try:
        with profile:
            yield
    finally:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            profile.dump_stats(path)
        except OSError as error:
            raise EvaluationError(f"--profile: cannot write {path}: {error.strerror or error}") from error
        print(f"profile: {path} (python -m pstats {path})", file=sys.stderr)
