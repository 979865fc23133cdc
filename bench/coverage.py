"""Shows what of each network of the Gluon vision zoo an engine would execute, and writes the table into the documentation.

`python -m bench.coverage [--models resnet50_v2,...] [--targets tensorrt,neuron] [--update docs/engines.md]`

Nothing is compiled. Exits with 1 where an operator stays on the CPU.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

import ngc
from bench.zoo_models import DEFAULT_FOLDER, NETWORKS, export_zoo, input_shape
from ngc.engine_coverage import Coverage

BEGIN, END = "<!-- coverage: written by python -m bench.coverage --update -->", "<!-- end of coverage -->"
"""What stands around the table in a page."""


def cell(found: Coverage) -> str:
    """Returns the counts of a network on a target: operators on the engine, in how many subgraphs, and what stays."""
    places = "1 subgraph" if found.subgraphs == 1 else f"{found.subgraphs} subgraphs"
    gone = f", {found.gone} folded away" if found.gone else ""
    return f"{found.on_engine} in {places}{gone}, {found.left} left"


def rows(found: Mapping[str, Mapping[str, Coverage]]) -> list[list[str]]:
    """Returns a row for each network: name, operators, and a cell for each target."""
    return [[network, str(next(iter(targets.values())).operators), *map(cell, targets.values())] for network, targets in found.items()]


def markdown(found: Mapping[str, Mapping[str, Coverage]], targets: Sequence[str]) -> str:
    """Returns the table as Markdown."""
    lines = [f"| network | operators | {' | '.join(targets)} |", "|---|---|" + "---|" * len(targets)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows(found))])


def update(page: str, table: str) -> str:
    """Returns a page with another table between its marks.

    Raises:
        ValueError: the page has no marks.
    """
    text, count = re.subn(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", lambda _: f"{table}\n", page, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the page needs one line {BEGIN!r}, and after it one line {END!r}")
    return text


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bench.coverage", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(NETWORKS), help="networks by comma; all of them unless given")
    parser.add_argument("--targets", default="tensorrt,neuron", help="engines by comma")
    parser.add_argument("--zoo", default=DEFAULT_FOLDER, type=Path, help="folder where exported networks are kept: 6 GB for all")
    parser.add_argument("--update", type=Path, metavar="PAGE.md", help="a page whose table is written anew")
    options = parser.parse_args()
    targets = options.targets.split(",")
    found = {network: {target: ngc.coverage(export_zoo(network, options.zoo), target, shapes={"data": input_shape(network)}) for target in targets}
             for network in options.models.split(",")}
    table = Table("network", "operators", *targets)
    for row in rows(found):
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 150).print(table)
    if options.update is not None:
        options.update.write_text(update(options.update.read_text(), markdown(found, targets)))
    return int(any(item.left for each in found.values() for item in each.values()))


if __name__ == "__main__":
    sys.exit(main())
