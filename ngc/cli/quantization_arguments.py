"""Arguments of int8, and what they stand for."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngc.errors import InputError

if TYPE_CHECKING:
    from ngc.cli.array_files import Examples
    from ngc.quantization import QuantizationOptions


def mode(text: str) -> tuple[str, dict[str, float]]:
    """Returns name and parameters of a calibration mode: `mse`, or `percentile=99.9`."""
    from ngc.calibration.thresholds import check_mode

    name, equals, percent = text.partition("=")
    try:
        parameters = {"percent": float(percent)} if equals else {}
        check_mode(name, dict(parameters))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{percent!r} is no number of percents") from None
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, parameters


def add_mode(parser: Any, flag: str, default: str) -> None:
    """Adds how ranges are chosen."""
    parser.add_argument(flag, type=mode, default=None, metavar="MODE",
                        help=f"how ranges are chosen: mse, naive, entropy, percentile or percentile=99.9; default: {default}")


def add_quantization_options(parser: argparse.ArgumentParser) -> Any:
    """Adds what int8 goes by, but for data to measure with; returns the group of these arguments."""
    group = parser.add_argument_group("int8")
    group.add_argument("--calibration", metavar="FILE", help="a table of `ngc calibrate`; or .npy, or .npz with an array for each input, examples first")
    add_mode(group, "--calibration-mode", "the table's, mse for data")
    group.add_argument("--exclude", action="append", default=[], metavar="PATTERN",
                       help="layers that stay in fp32: a node's name, *, re:EXPRESSION, op:OPERATOR")
    group.add_argument("--accuracy-budget", type=float, default=None, metavar="NUMBER",
                       help="keep in fp32 what it takes: below 1 the share of first choices that may change, from 1 on the least SQNR in dB")
    group.add_argument("--force-int8", action="store_true", help="multiply integers on processors too that are no faster at it")
    return group


def read_calibration(args: argparse.Namespace, batch: int) -> Any:
    """Returns the table or the examples of --calibration, None where it was not given.

    Raises:
        InputError: the file cannot be read, or is neither.
        ArtifactError: the table is damaged.
    """
    if args.calibration is None:
        return None
    from ngc.calibration import CalibrationTable
    from ngc.calibration.table_file import MAGIC
    from ngc.cli.array_files import BEGINNINGS, read_examples

    path = Path(args.calibration)
    try:
        with path.open("rb") as file:
            begin = file.read(len(MAGIC))
    except OSError as error:
        raise InputError(f"--calibration: cannot read {path}: {error.strerror or error}") from error
    if begin == MAGIC:
        return CalibrationTable.load(path)
    if not begin.startswith(BEGINNINGS):
        raise InputError(f"--calibration: {path} is neither a table that `ngc calibrate` wrote nor arrays that numpy.save or numpy.savez wrote")
    return read_examples(path, "--calibration", batch)


def quantization_options(args: argparse.Namespace, validation: "Examples | None" = None) -> "QuantizationOptions | None":
    """Returns what the arguments say beyond calibration and budget, None where they say nothing."""
    if not (args.calibration_mode or args.exclude or args.force_int8 or validation is not None):
        return None
    from ngc.quantization import QuantizationOptions

    name, parameters = args.calibration_mode or (None, {})
    return QuantizationOptions(name, parameters, tuple(args.exclude), force=args.force_int8, validation=validation)
