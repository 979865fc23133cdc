"""`ngc-eval model`: which models there are, what the manifest of one says, and what is wrong with manifests."""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngc.errors import ManifestError
from ngc.evaluate.cli.flags import add_flag

if TYPE_CHECKING:
    from ngc.evaluate.manifest import Manifest

FORMATS = ("table", "json", "csv")
COLUMNS = ("name", "version", "framework", "inputs", "source", "Top1")


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("model", help="list, show and check the manifests of models",
                                 description="Manifests of models: those that come with ngc, and your own in ngc/models of your data folder.")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the models")
    add_flag(listing, "format", "table", "how", short="f", choices=FORMATS)
    add_flag(listing, "manifest_folder", "", "a folder of more manifests")
    listing.set_defaults(command=list_command)
    showing = actions.add_parser("show", help="print the manifest of a model")
    showing.add_argument("name", metavar="NAME", help="the model's name, or the path of a manifest")
    add_flag(showing, "model_version", "", "the model's version, instead of its newest")
    add_flag(showing, "manifest_folder", "", "a folder of more manifests")
    showing.set_defaults(command=show_command)
    validating = actions.add_parser("validate", help="tell all that is wrong with manifests, with lines and columns")
    validating.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a manifest")
    validating.set_defaults(command=validate_command)


def list_command(args: argparse.Namespace) -> None:
    """Prints a line for each model."""
    from ngc.evaluate.manifest import all_manifests

    rows = [_row(manifest) for manifest in all_manifests(_folders(args))]
    if args.format == "json":
        print(json.dumps(rows, indent=2, default=str))  # a manifest's own attributes may be dates
    elif args.format == "csv":
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print_table(rows)


def show_command(args: argparse.Namespace) -> None:
    """Prints a manifest as YAML."""
    from ngc.evaluate.manifest import find_manifest, to_yaml

    manifest = find_manifest(args.name, args.model_version, _folders(args))
    print(f"# {manifest.source}")
    print(to_yaml(manifest), end="")


def validate_command(args: argparse.Namespace) -> None:
    """Prints what is wrong with each file to stderr.

    Raises:
        ManifestError: something is.
    """
    from ngc.evaluate.manifest import load_manifest

    wrong = 0
    for path in args.files:
        try:
            manifest = load_manifest(path)
            print(f"{path}: {manifest.name} {manifest.version}, as it should be")
        except ManifestError as error:
            wrong += 1
            print(error, file=sys.stderr)
    if wrong:
        raise ManifestError(f"{wrong} of {len(args.files)} manifests cannot be used")


def _folders(args: argparse.Namespace) -> list[Path]:
    return [Path(args.manifest_folder)] if args.manifest_folder else []


def _row(manifest: "Manifest") -> dict[str, Any]:
    inputs = ", ".join(" ".join([entry.type, "x".join(map(str, entry.parameters.dimensions))]).strip() for entry in manifest.inputs)
    framework = f"{manifest.framework.name} {manifest.framework.version}".strip()
    values = (manifest.name, manifest.version, framework, inputs, str(manifest.source), manifest.attributes.get("Top1"))
    return dict(zip(COLUMNS, values, strict=True))


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from ngc.evaluate.manifest import BUILTIN

    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column, justify="right" if column == "Top1" else "left", overflow="fold")
    for row in rows:
        source = "comes with ngc" if Path(row["source"]).parent == BUILTIN else row["source"]
        top1 = "" if row["Top1"] is None else str(row["Top1"])
        table.add_row(*(str(row[column]) for column in COLUMNS[:4]), source, top1)
    Console(width=None if Console().is_terminal else 160, markup=False, highlight=False).print(table)
