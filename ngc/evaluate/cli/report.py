"""`ngc-eval report`: one page about evaluations, for a browser."""

import argparse
from pathlib import Path
from typing import Any

from ngc.errors import EvaluationError
from ngc.evaluate.cli.filters import add_filters, find
from ngc.evaluate.cli.flags import add_flag
from ngc.evaluate.report.output import Output
from ngc.evaluate.report.page import collect, page


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("report", help="write a page with tables and plots", description="Writes one page about evaluations, with plots; "
                                 "it is one file that fetches nothing.")
    add_filters(parser)
    group = parser.add_argument_group("output")
    add_flag(group, "output", "", "file to write, such as report.html", short="o")
    add_flag(group, "overwrite", False, "replace what is there")
    add_flag(group, "title", "Evaluations", "title of the page")
    parser.set_defaults(command=report_command)


def report_command(args: argparse.Namespace) -> None:
    """Writes the page."""
    if not args.output:
        raise EvaluationError("the page goes into a file; give --output, such as --output report.html")
    output = Output(Path(args.output), "html", args.overwrite)
    output.check()
    with find(args, args.limit) as found:
        content = collect(found.store, found.evaluations, args.title)
    output.write_text(page(content))
    print(args.output)
