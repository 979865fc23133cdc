"""The command line of ngc-opt."""

import argparse

from ngc.errors import InputError
from ngc.opt.formats import FORMATS

_EPILOG = """\
examples:
  ngc-opt model.ngir -p canonicalize,fold-batch-norm
  ngc-opt resnet50 --shape data=N,3,224,224 -p @cpu-fp32 --dump-dir dump -o lowered.ngir
  ngc-opt resnet50-symbol.json --params resnet50-0000.params --shape data=1,3,224,224 -p @cpu-fp32 --check-numerics
  ngc-opt resnet50 --shape data=N,3,224,224 -p @cpu-int8 --calibration resnet50.calib --trace-rule quantize
  ngc-opt resnet50 --shape data=N,3,224,224 -p @canonical --emit onnx -o resnet50.onnx

exit codes: 0 success; 1 the input, a pass or the verifier failed; 2 wrong usage; 3 an internal error
The result goes to the standard output or to -o, everything else to the standard error stream.
"""


def parser() -> argparse.ArgumentParser:
    """Returns the parser of ngc-opt's arguments."""
    p = argparse.ArgumentParser("ngc-opt", description="Runs passes on a model and shows what they do.", epilog=_EPILOG,
                                formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    p.add_argument("input", nargs="?", metavar="INPUT", help=".ngir text, '-' for the standard input, an MXNet -symbol.json file or a checkpoint prefix")
    p.add_argument("-p", "--passes", metavar="PIPELINE", default="", help="passes such as canonicalize,fuse-conv{acts=relu,clip}, or a named one: @cpu-fp32")
    p.add_argument("--emit", choices=FORMATS, default=FORMATS[0], help=f"the format of the result (default: {FORMATS[0]}); onnx needs -o")
    p.add_argument("-o", "--output", metavar="FILE", help="where the result goes instead of the standard output")
    _add_input_options(p.add_argument_group("input"))
    _add_pipeline_options(p.add_argument_group("pipeline"))
    _add_printing_options(p.add_argument_group("printing"))
    _add_checking_options(p.add_argument_group("checking"))
    _add_listing_options(p.add_argument_group("listing (needs no input)"))
    return p


def _add_input_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--params", metavar="FILE", help="the parameters of an MXNet symbol; by default those found beside it")
    group.add_argument("--shape", metavar="NAME=DIMS", action="append", default=[], help="an input's shape: data=1,3,224,224, or N first for any batch")
    group.add_argument("--outputs", metavar="NAMES", help="inner values of an MXNet symbol to return instead of its heads, by commas")
    group.add_argument("--weights", metavar="FILE.npz", help="data of the constants of .ngir text")
    group.add_argument("--save-weights", metavar="FILE.npz", help="where the data of the resulting IR's constants goes")


def _add_pipeline_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--target", default="cpu", help="what passes compile for (default: cpu, this machine)")
    group.add_argument("--numerics", choices=("fast", "exact"), default="fast", help="exact: no algorithm that rounds differently from direct summation")
    group.add_argument("--calibration", metavar="TABLE", help="ranges for the quantize pass, of `ngc calibrate`; by default those of the graph")
    group.add_argument("--disable", metavar="NAMES", default="", help="passes to leave out, patterns by commas")
    group.add_argument("--no-verify-each", action="store_true", help="do not verify the IR after each pass")
    group.add_argument("--bisect-limit", metavar="N", help="run the first N passes only; N.M: of the last one M rule firings only; says what runs")


def _add_printing_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--print-ir-before", metavar="P,..", default="", help="print the IR before these passes (patterns)")
    group.add_argument("--print-ir-after", metavar="P,..", default="", help="print the IR after these passes (patterns)")
    group.add_argument("--print-ir-before-all", action="store_true", help="print the IR before every pass")
    group.add_argument("--print-ir-after-all", action="store_true", help="print the IR after every pass")
    group.add_argument("--print-ir-after-change", action="store_true", help="print the IR after every pass that changed it")
    group.add_argument("--print-ir-after-failure", action="store_true", help="print the IR as a failing pass left it")
    group.add_argument("--print-changed", nargs="?", const="full", choices=("full", "diff", "quiet"), help="print what each pass changed")
    group.add_argument("--print-locations", action="store_true", help="print the MXNet nodes that each node comes from, in the result too")
    group.add_argument("--elide-larger-than", metavar="N", type=int, help="cut longer lists; such text cannot be read back")
    group.add_argument("--dump-dir", metavar="DIR", help="write the IR after every pass and an index.html there")
    group.add_argument("--timing", action="store_true", help="print how long each pass took")
    group.add_argument("--trace-rule", metavar="NAMES", default="", help="print every decision of these rules or passes (patterns)")


def _add_checking_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--check-numerics", nargs="?", const="", metavar="RTOL,ATOL",
                       help="evaluate after every pass; fail at the first one that moves an output (default 1e-4,1e-6)")
    group.add_argument("--feeds", metavar="FILE.npz", default="random(seed=0)", help="inputs for --check-numerics, or random(seed=0)")


def _add_listing_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--list-passes", action="store_true", help="list passes with their options")
    group.add_argument("--list-ops", action="store_true", help="list operators with their operands and attributes")
    group.add_argument("--list-pipelines", action="store_true", help="list the named pipelines")
    group.add_argument("--print-pipeline", action="store_true", help="print the pipeline that -p stands for")


def names(text: str) -> tuple[str, ...]:
    """Returns the parts of a comma-separated list."""
    return tuple(part for part in text.replace(" ", "").split(",") if part)


def shapes(items: list[str]) -> dict[str, tuple[int | str, ...]] | None:
    """Returns shapes by input name from `data=N,3,224,224`; None where none is given."""
    result: dict[str, tuple[int | str, ...]] = {}
    for item in items:
        name, equals, dims = item.rpartition("=")
        parts = [part.strip() for part in dims.strip("() ").split(",") if part.strip()]
        if not equals or not name or not parts or not all(part == "N" or (part.isascii() and part.isdigit()) for part in parts):
            raise InputError(f"--shape takes name=dimensions such as data=1,3,224,224 or data=N,3,224,224, not {item!r}")
        if name in result:
            raise InputError(f"--shape gives the input {name!r} twice")
        result[name] = tuple(part if part == "N" else int(part) for part in parts)
    return result or None
