"""`ngc coverage`: what of a checkpoint would go to an engine."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from ngc.cli.arguments import add_model_options
from ngc.cli.engine_arguments import add_partition_options, engine_options


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("coverage", help="show what of a checkpoint an engine would execute",
                                 description="Shows how a checkpoint would divide between an engine and the CPU, and why. Compiles nothing.")
    parser.add_argument("model", metavar="PREFIX", help="a checkpoint prefix or a -symbol.json file")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_model_options(parser, target=None)
    add_partition_options(parser)
    parser.set_defaults(command=coverage_command)


def coverage_command(args: argparse.Namespace) -> None:
    """Prints the counts, and the table of what stays and why."""
    from ngc.engine_coverage import coverage

    found = coverage(args.model, args.target, args.params, shapes=dict(args.shape) or None, dtypes=dict(args.dtype) or None, outputs=args.output_name,
                     engine=engine_options(args))
    print(json.dumps({**asdict(found), "subgraphs": found.subgraphs, "left": found.left}, indent=1) if args.json else found)
