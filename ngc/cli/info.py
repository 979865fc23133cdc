"""`ngc info`: what an artifact holds, without loading its code."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngc.cli.arguments import megabytes
from ngc.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from ngc.passes.quantize.outcome import LayerQuantization


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("info", help="show what an artifact holds", description="Shows what an artifact holds. None of its code is loaded.")
    parser.add_argument("model", metavar="MODEL.ngc")
    parser.add_argument("--json", action="store_true", help="the whole manifest as JSON")
    parser.add_argument("--layers", action="store_true", help="what became of each layer in int8, and why")
    parser.add_argument("--save-engines", metavar="DIR", help="write what was built for engines there, one file each")
    parser.add_argument("--ir", action="store_true", help="the IR text")
    parser.set_defaults(command=info_command)


def info_command(args: argparse.Namespace) -> None:
    """Prints a summary, the manifest, the layers or the IR."""
    from ngc.runtime.artifact_file import open_artifact

    file = open_artifact(Path(args.model))
    if args.json:
        print(json.dumps(file.manifest, indent=1))
    elif args.save_engines is not None:
        from ngc.runtime.artifact_engines import read_engines

        images = read_engines(file).values()
        if not images:
            raise InputError(f"{args.model} holds no engines")
        print("\n".join(str(path) for image in images for path in image.write_files(Path(args.save_engines))))
    elif args.layers:
        _print_layers(args.model, _layers(file.manifest))
    elif args.ir:
        print(str(file.section("ir").read(), "utf-8"))
    else:
        _print_summary(args.model, file.manifest, {name: section.size for name, section in file.sections.items()})


def _print_summary(path: str, manifest: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
    from rich.table import Table

    target, arena = manifest["target"], manifest["arena"]
    per_image = f" + {megabytes(arena['per_image'])} for each of N" if arena["per_image"] else ""
    rows = {
        "model": manifest["name"], "saved by": f"ngc {manifest['ngc']}, {manifest['llvm']}", "target": f"{target['name']} ({target['arch']}, {target['cpu']})",
        "inputs": "\n".join(map(_spec, manifest["inputs"])), "outputs": "\n".join(map(_spec, manifest["outputs"])),
        "threads": "as many as there are cores" if manifest["threads"] is None else str(manifest["threads"]),
        "arena": f"{megabytes(arena['fixed'])}{per_image}, and {megabytes(arena['scratch'])} for each thread",
        "code": f"{megabytes(sizes['objects'])}, {len(manifest['symbols'])} functions, {len(manifest['calls'])} calls",
        "weights": f"{megabytes(sizes['weights'])} packed, {megabytes(sizes['constants'])} in the IR",
        "operators": ", ".join(f"{op} {number}" for op, number in manifest["operators"].items()),
        "options": ", ".join(f"{name}={value}" for name, value in manifest["options"].items() if name != "quantization"),
    }
    if engines := manifest.get("engines"):
        rows["engines"] = "\n".join(_engine(entry, sizes) for entry in engines)
    if layers := _layers(manifest):
        rows["layers"] = ", ".join(f"{precision} {sum(layer.precision == precision for layer in layers)}" for precision in ("int8", "fp32"))
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value, style=None)
    _print_table(path, table)


def _layers(manifest: Mapping[str, Any]) -> "tuple[LayerQuantization, ...]":
    """Returns what became of each layer in quantization; nothing for a model in another precision."""
    from ngc.passes.quantize.outcome import LayerQuantization

    return tuple(map(LayerQuantization.read, manifest["options"].get("quantization", ())))


def _print_layers(path: str, layers: "Sequence[LayerQuantization]") -> None:
    from rich.table import Table

    from ngc.passes.quantize.outcome import COLUMNS

    if not layers:
        raise InputError(f"{path} was not compiled in int8; it has no list of layers")
    table = Table(box=None)
    for column in COLUMNS[:4]:
        table.add_column(column, overflow="fold")
    for column in COLUMNS[4:]:
        table.add_column(column, justify="right", no_wrap=True)
    for layer in layers:
        table.add_row(*layer.cells)
    _print_table(path, table)


def _print_table(path: str, table: "Table") -> None:
    from rich.console import Console

    print(path)
    Console(width=None if Console().is_terminal else 160, highlight=False, markup=False).print(table)


def _engine(entry: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    """Returns a line about one image: its name, engine, files and facts."""
    files = ", ".join(f"{kind} {megabytes(sizes[section])}" for kind, section in entry["files"].items())
    short = {name: value for name, value in entry["facts"].items() if not isinstance(value, dict) and (not isinstance(value, list) or len(value) <= 4)}
    facts = ", ".join(f"{name}={value}" for name, value in short.items())
    return f"{entry['name']} for {entry['engine']}: {files}; {facts}"


def _spec(spec: Mapping[str, Any]) -> str:
    return f"{spec['name']}: {spec['dtype']}[{', '.join(map(str, spec['shape']))}]"
