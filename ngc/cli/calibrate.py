"""`ngc calibrate`: a checkpoint and data in, a calibration table out."""

import argparse
import time
from pathlib import Path
from typing import Any

from ngc.cli.arguments import add_batch, add_model_options, add_run_options, batch_of, megabytes, model_options
from ngc.cli.quantization_arguments import add_mode


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("calibrate", help="count the activations of a checkpoint, for int8",
                                 description="Runs a checkpoint in fp32 over data and writes a table, from which `ngc compile --calibration` has its ranges.")
    parser.add_argument("model", metavar="PREFIX", help="a checkpoint prefix or a -symbol.json file")
    parser.add_argument("--data", required=True, metavar="FILE", help=".npy, or .npz with an array for each input; the examples along the first axis")
    parser.add_argument("-o", "--output", required=True, metavar="TABLE", help="the table to write")
    add_model_options(parser)
    add_batch(parser)
    add_mode(parser, "--mode", "mse")
    parser.add_argument("--merge", metavar="TABLE", help="a table of other data, to which the counts are added; it is not changed")
    parser.add_argument("--checkpoint", metavar="FILE",
                        help="keep the counts here; where it exists, go on after the batches that it counted (same data, same batch)")
    add_run_options(parser)
    parser.set_defaults(command=calibrate_command)


def calibrate_command(args: argparse.Namespace) -> None:
    """Calibrates, saves, and says what was written."""
    from ngc.calibration import CalibrationTable, calibrate
    from ngc.calibration.thresholds import DEFAULT_MODE
    from ngc.cli.array_files import read_examples

    start = time.perf_counter()
    examples = read_examples(Path(args.data), "--data", args.batch or batch_of(args))
    before = None if args.merge is None else CalibrationTable.load(args.merge)
    mode, parameters = args.mode or (DEFAULT_MODE, {})
    table = calibrate(args.model, examples, mode=mode, parameters=parameters, table=before, checkpoint=args.checkpoint, **model_options(args, args.threads))
    table.save(args.output)
    print(f"{args.output}: {len(table.histograms)} values of {table.examples} examples in {table.batches} batch{'es' * (table.batches != 1)}, "
          f"{megabytes(Path(args.output).stat().st_size)}, calibrated in {time.perf_counter() - start:.1f} s")
