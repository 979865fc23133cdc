"""`ngc compile`: a checkpoint in, an artifact out."""

import argparse
import time
from pathlib import Path
from typing import Any

from ngc.cli.arguments import add_compile_options, compile_model, count, megabytes


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("compile", help="compile a checkpoint into an artifact", description="Compiles an MXNet checkpoint into an artifact.")
    parser.add_argument("model", metavar="PREFIX", help="a checkpoint prefix or a -symbol.json file")
    parser.add_argument("-o", "--output", required=True, metavar="MODEL.ngc", help="the artifact to write")
    add_compile_options(parser)
    parser.add_argument("--threads", type=count, default=None, help="threads of a run, unless `load` says otherwise; default: the cores of where it runs")
    parser.set_defaults(command=compile_command)


def compile_command(args: argparse.Namespace) -> None:
    """Compiles, saves, and says what was written."""
    start = time.perf_counter()
    executable = compile_model(args, args.threads)
    seconds = time.perf_counter() - start
    executable.save(args.output)
    where = executable.program.options.get("engine", executable.target.name)
    engines = "".join(f", {image.name} on {image.engine} {megabytes(image.size)}" for image in executable.engines)
    inputs = ", ".join(f"{spec.name}{list(spec.shape)}".replace("'", "") for spec in executable.inputs)
    print(f"{args.output}: {executable.name}({inputs}) for {where} ({executable.target.cpu}), {len(executable.program.calls)} kernel calls"
          f"{engines}, {megabytes(Path(args.output).stat().st_size)}, compiled in {seconds:.1f} s")
