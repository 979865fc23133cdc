"""The command line of `ngc-opt reduce`."""

import argparse

from ngc.opt.groups import pipeline, reading

_EPILOG = """\
CMD is a shell command; a candidate is interesting when it exits with 0, as with llvm-reduce and mlir-reduce. In it stand {ir} for the candidate's
.ngir file (the last argument where it is not written), {weights} for its .npz file and {pipeline} for its passes. KIND is a check of ngc-opt itself,
many times faster: numerics[=RTOL,ATOL], passes move an output; crash[=TEXT], a pass raises an error; verify[=TEXT], a pass leaves broken IR.

examples:
  ngc-opt reduce resnet50 --shape data=N,3,224,224 -p @cpu-fp32 --interesting-if numerics -o small.ngir
  ngc-opt reduce model.ngir -p fuse-conv --interesting-if 'crash=KeyError' --load-pass my_passes:FuseConv -o small.ngir
  ngc-opt reduce model.ngir -p @cpu-fp32 --interesting 'ngc-opt {ir} --weights {weights} -p {pipeline} 2>&1 | grep -q "moves the output"' -o small.ngir

exit codes: 0 success; 1 the input is not interesting or cannot be read; 2 wrong usage; 3 an internal error; 130 interrupted, the best so far is written
The result goes to the standard output or to -o; run it again with ngc-opt --run-reproducer.
"""


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the arguments behind `ngc-opt reduce`."""
    p = argparse.ArgumentParser("ngc-opt reduce", description="Makes graph, shapes and pipeline as small as they can be while they stay interesting.",
                                epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    p.add_argument("input", metavar="INPUT", help=".ngir text, '-' for the standard input, an MXNet -symbol.json file or a checkpoint prefix")
    p.add_argument("-p", "--passes", metavar="PIPELINE", default="", help="the passes to begin with")
    kind = p.add_argument_group("what is interesting").add_mutually_exclusive_group(required=True)
    kind.add_argument("--interesting", metavar="CMD", help="a shell command that exits with 0")
    kind.add_argument("--interesting-if", metavar="KIND", help="numerics[=RTOL,ATOL], crash[=TEXT] or verify[=TEXT]")
    search = p.add_argument_group("search")
    search.add_argument("--feeds", metavar="random(seed=N)", default="random(seed=0)", help="inputs of numerics, and for ranges of shrunken graphs")
    search.add_argument("--timeout", metavar="S", type=float, help="a candidate is not interesting when CMD takes longer than this many seconds")
    search.add_argument("--jobs", metavar="N", type=int, default=1, help="how many CMDs run at once (default 1); the result is the same")
    reading.add_arguments(p.add_argument_group(reading.TITLE))
    pipeline.add_context(p.add_argument_group(pipeline.TITLE))
    output = p.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="OUT.ngir", help="where the result goes; data that constants must keep goes to OUT.npz beside it")
    output.add_argument("--save-weights", metavar="OUT.npz", help="where that data goes instead")
    p.set_defaults(compile_to=None, compile_from=None, precision=None)  # the pipeline is what is reduced, so -p names it
    return p
