"""Arguments that several commands take, and how their texts are read."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngc.cli.engine_arguments import add_engine_options, engine_options
from ngc.cli.quantization_arguments import add_quantization_options, quantization_options, read_calibration
from ngc.errors import InputError

if TYPE_CHECKING:
    from ngc.runtime import Executable

_BATCH = 32
"""Examples of a file at a time, where a model takes any number."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def shape(text: str) -> tuple[str, tuple[int | str, ...]]:
    """Returns name and shape of `data=1,3,224,224` or `data=N,3,224,224`."""
    name, equals, dims = text.rpartition("=")
    found: list[int | str] = []
    for dim in dims.replace("x", ",").strip("()[]").split(","):
        dim = dim.strip()
        if dim == "N" and "N" not in found:
            found.append("N")
        elif dim.isdecimal() and int(dim) > 0:
            found.append(int(dim))
        else:
            equals = ""
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no shape; expected NAME=1,3,224,224, or NAME=N,3,224,224 for a batch of any size")
    return name, tuple(found)


def pair(text: str) -> tuple[str, str]:
    """Returns name and value of `name=value`."""
    name, equals, value = text.partition("=")
    if not (equals and name and value):
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    return name, value


def count(text: str) -> int:
    """Returns a number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


def counts(text: str) -> list[int]:
    """Returns the numbers of `1,2,4`."""
    return [count(item.strip()) for item in text.split(",")]


def size(text: str) -> int:
    """Returns the bytes of `0`, `300000`, `512M` or `2GiB`."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?)(?:i?b)?", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected bytes, or a number with K, M, G or T, such as 512M")
    return int(float(found[1]) * _UNITS[found[2]])


def add_model_options(parser: argparse.ArgumentParser, *, target: str | None = "cpu") -> None:
    """Adds what names a model and its inputs; `target` is the default, None where one must be given."""
    parser.add_argument("--params", metavar="FILE", help="the .params file; found beside the symbol unless given")
    parser.add_argument("--shape", action="append", default=[], type=shape, metavar="NAME=1,3,224,224", help="an input's shape; N once: a batch of any size")
    parser.add_argument("--dtype", action="append", default=[], type=pair, metavar="NAME=uint8", help="an input's dtype; float32 unless given")
    parser.add_argument("--output-name", action="append", default=None, metavar="NAME", help="return this inner value instead of the model's heads")
    parser.add_argument("--target", default=target, required=target is None,
                        help='"cpu" (this machine, the default), a processor or level: cpu:x86-64-v3, cpu:znver4, or an engine: tensorrt-rtx:sm86, neuron:inf2')
    parser.add_argument("--no-cache", action="store_true", help="neither read nor write the kernel cache")


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Adds how many examples of a file come at a time."""
    parser.add_argument("--batch", type=count, default=None, metavar="N", help=f"examples at a time; default: as --shape says, {_BATCH} for any batch")


def batch_of(args: argparse.Namespace) -> int:
    """Returns how many examples of a file come at a time unless it was said: as many as the inputs have."""
    return next((dims[0] for _, dims in args.shape if isinstance(dims[0], int)), _BATCH)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Adds how a command runs the model itself."""
    parser.add_argument("--threads", type=count, default=None, help="threads that share a run; default: the physical cores")


def model_options(args: argparse.Namespace, threads: int | None) -> dict[str, Any]:
    """Returns the keyword arguments that `ngc.compile` and its relatives have in common, but for the model."""
    return {"params": args.params, "shapes": dict(args.shape) or None, "dtypes": dict(args.dtype) or None, "outputs": args.output_name, "target": args.target,
            "threads": threads, "cache": not args.no_cache}


def add_compile_options(parser: argparse.ArgumentParser) -> None:
    """Adds what `ngc.compile` needs to know about a model."""
    add_model_options(parser)
    parser.add_argument("--precision", default=None,
                        help="fp32, bf16 on processors with AVX512-BF16, fp16 on engines, or int8; default: fp32, or int8 for what was quantized in MXNet")
    parser.add_argument("--numerics", default="fast", help='"fast", or "exact" for direct summation only')
    parser.add_argument("--tune", action="store_true", help="measure kernels, about half a second a layer, instead of trusting the cost model")
    parser.add_argument("--fallback", default=None, help='"reference": operators without a kernel run in numpy')
    parser.add_argument("--pipeline", default=None, help="a pass pipeline instead of the default one")
    parser.add_argument("--dump-dir", default=None, metavar="DIR", help="write the IR after every pass, LLVM IR and assembly there")
    add_engine_options(parser)
    add_quantization_options(parser).add_argument("--validation", metavar="FILE", help="data to measure --accuracy-budget with instead of --calibration's")


def compile_model(args: argparse.Namespace, threads: int | None) -> "Executable":
    """Returns the executable of a checkpoint prefix or a symbol file."""
    from ngc.cli.array_files import Examples, read_examples
    from ngc.driver import compile

    calibration, validation = read_calibration(args, batch_of(args)), None
    if args.validation is not None:
        if args.accuracy_budget is None:
            raise InputError("--validation goes with --accuracy-budget, which it is there to measure")
        validation = read_examples(Path(args.validation), "--validation", batch_of(args))
    if args.accuracy_budget is not None and validation is None and not isinstance(calibration, Examples):
        raise InputError("--accuracy-budget needs data to measure with: --validation FILE, or --calibration with data instead of a table")
    return compile(args.model, precision=args.precision, calibration=calibration, accuracy_budget=args.accuracy_budget,
                   quantization=quantization_options(args, validation), numerics=args.numerics, tune=args.tune, fallback=args.fallback,
                   pipeline=args.pipeline, dump_dir=args.dump_dir, engine=engine_options(args), **model_options(args, threads))


def is_artifact(model: str) -> bool:
    """Whether a model argument names an artifact: by its suffix, or by how the file begins."""
    from ngc.runtime.artifact_file import MAGIC

    if model.endswith(".ngc"):
        return True
    try:
        with Path(model).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:  # a checkpoint prefix is no file
        return False


def megabytes(size: float) -> str:
    """Returns bytes as `12.3 MB`, small ones as kB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
