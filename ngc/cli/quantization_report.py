"""`ngc quantization-report`: what int8 costs a checkpoint, and gains it, layer by layer."""

import argparse
from pathlib import Path
from typing import Any

from ngc.cli.arguments import add_batch, add_model_options, add_run_options, batch_of, model_options
from ngc.cli.quantization_arguments import add_quantization_options, quantization_options, read_calibration
from ngc.errors import InputError


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("quantization-report", help="show what int8 costs and gains a checkpoint",
                                 description="Runs a checkpoint in fp32 and in int8 over data, and compares results and times layer by layer.")
    parser.add_argument("model", metavar="PREFIX", help="a checkpoint prefix or a -symbol.json file")
    parser.add_argument("--data", required=True, metavar="FILE",
                        help="what to measure with, and to calibrate with unless --calibration is given: .npy, or .npz with an array for each input")
    parser.add_argument("--json", metavar="FILE", help="write the report there as JSON too")
    add_model_options(parser)
    add_batch(parser)
    add_quantization_options(parser)
    add_run_options(parser)
    parser.set_defaults(command=report_command)


def report_command(args: argparse.Namespace) -> None:
    """Measures, and prints the report."""
    from ngc.cli.array_files import read_examples
    from ngc.quantization import analyze_quantization

    batch = args.batch or batch_of(args)
    examples = read_examples(Path(args.data), "--data", batch)
    report = analyze_quantization(args.model, examples, calibration=read_calibration(args, batch), limit=len(examples), accuracy_budget=args.accuracy_budget,
                                  quantization=quantization_options(args, validation=examples), **model_options(args, args.threads))
    if args.json is not None:
        try:
            Path(args.json).write_text(report.to_json() + "\n")
        except OSError as error:
            raise InputError(f"--json: cannot write {args.json}: {error.strerror or error}") from error
    print(report.table(), end="")
