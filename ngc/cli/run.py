"""`ngc run`: an artifact and arrays in, arrays out."""

import argparse
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngc.cli.arguments import count, pair
from ngc.errors import InputError

if TYPE_CHECKING:
    import numpy as np


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("run", help="run an artifact on arrays", description="Runs an artifact. An artifact is code: run only what you trust.")
    parser.add_argument("model", metavar="MODEL.ngc")
    parser.add_argument("--input", action="append", default=[], type=pair, metavar="NAME=x.npy", help="an input's array: .npy, or one array of .npz")
    parser.add_argument("--output", metavar="y.npz", help="where the outputs go: .npz, or .npy for one output; a summary is printed otherwise")
    parser.add_argument("--threads", type=count, default=None)
    parser.add_argument("--verify", action="store_true", help="check all weights before the run")
    parser.set_defaults(command=run_command)


def run_command(args: argparse.Namespace) -> None:
    """Runs once and writes or describes the outputs."""
    from ngc.cli.array_files import read_input
    from ngc.runtime.artifact import load

    executable = load(args.model, threads=args.threads, verify=args.verify)
    outputs = executable.run({name: read_input(Path(path), name) for name, path in args.input})
    names = [spec.name for spec in executable.outputs]
    if args.output is None:
        for name, array in zip(names, outputs, strict=True):
            print(f"{name}: {array.dtype}{list(array.shape)} {_describe(array)}")
    else:
        _write(Path(args.output), dict(zip(names, outputs, strict=True)))
        print(f"{args.output}: {', '.join(f'{name} {list(array.shape)}' for name, array in zip(names, outputs, strict=True))}")


def _describe(array: "np.ndarray") -> str:
    """Returns the largest classes of one row of scores, or the range of anything else."""
    import numpy as np

    if not array.size:
        return "empty"
    if array.ndim == 2 and array.shape[0] <= 4 and array.shape[1] > 1:
        best = np.argsort(-array, axis=1, kind="stable")[:, :5]
        return "; ".join(", ".join(f"{index}: {row[index]:.6g}" for index in order) for row, order in zip(array, best, strict=True))
    return f"from {array.min():.6g} to {array.max():.6g}"


def _write(path: Path, outputs: "dict[str, np.ndarray]") -> None:
    import numpy as np

    if path.suffix == ".npy" and len(outputs) != 1:
        raise InputError(f"--output {path}: a .npy file holds one array, the model has {len(outputs)} outputs; use .npz")
    if path.suffix not in (".npy", ".npz"):
        raise InputError(f"--output {path}: expected a name that ends in .npz or .npy")
    try:
        if path.suffix == ".npy":
            np.save(path, next(iter(outputs.values())), allow_pickle=False)
            return
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name, array in outputs.items():  # numpy.savez would take an output called "file" for its own argument
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise InputError(f"--output: cannot write {path}: {error.strerror or error}") from error
