"""The command line of ngc-opt."""

import argparse

from ngc.opt.groups import GROUPS

_EPILOG = """\
examples:
  ngc-opt model.ngir -p canonicalize,fold-batch-norm
  ngc-opt resnet50 --shape data=N,3,224,224 -p @cpu-fp32 --dump-dir dump -o lowered.ngir
  ngc-opt resnet50-symbol.json --params resnet50-0000.params --shape data=1,3,224,224 -p @cpu-fp32 --check-numerics
  ngc-opt resnet50 --shape data=N,3,224,224 -p @cpu-int8 --calibration resnet50.calib --trace-rule quantize
  ngc-opt resnet50 --shape data=1,3,64,64 -p @cpu-fp32 --load-pass my_passes:FuseMore --check-numerics --check-finite
  ngc-opt resnet50 --shape data=N,3,224,224 -p @canonical --emit onnx -o resnet50.onnx
  ngc-opt reduce resnet50 --shape data=N,3,224,224 -p @cpu-fp32 --interesting-if numerics -o small.ngir    (see ngc-opt reduce --help)
  ngc-opt resnet50 --shape data=N,3,224,224 --compile-to lowered --emit asm -o kernels/

exit codes: 0 success; 1 the input, a pass or the verifier failed; 2 wrong usage; 3 an internal error
The result goes to the standard output or to -o, everything else to the standard error stream.
"""

_USAGE = "ngc-opt INPUT [-p PIPELINE] [--emit FORMAT] [-o OUT] [flags]\n       ngc-opt --list-{passes,ops,mxnet-ops,pipelines} [--json]"


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Returns a formatter that puts short flags and their help on one line."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=32)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of ngc-opt's arguments."""
    p = argparse.ArgumentParser("ngc-opt", usage=_USAGE, description="Runs passes on a model and shows what they do.", epilog=_EPILOG,
                                formatter_class=_formatter, allow_abbrev=False)
    p.add_argument("input", nargs="?", metavar="INPUT", help=".ngir text, '-' for the standard input, an MXNet -symbol.json file or a checkpoint prefix")
    p.add_argument("-p", "--passes", metavar="PIPELINE", default="", help="passes such as canonicalize,fuse-conv{acts=relu,clip}, or a named one: @cpu-fp32")
    for group in GROUPS:
        group.add_arguments(p.add_argument_group(group.TITLE))
    return p
