"""What is written."""

from argparse import _ArgumentGroup

from ngc.opt.formats import FORMATS

TITLE = "output"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("-o", "--output", metavar="FILE", help="where the result goes instead of the standard output; DIR/ for llvm and asm")
    group.add_argument("--emit", metavar="FORMAT", choices=FORMATS,
                       help=f"{', '.join(FORMATS)} (default: {FORMATS[0]}); onnx needs -o, llvm and asm a lowered graph")
    group.add_argument("--save-weights", metavar="FILE.npz", help="where the data of the resulting IR's constants goes")
    group.add_argument("--print-locations", action="store_true", help="print the MXNet nodes that each node comes from")
    group.add_argument("--elide-larger-than", metavar="N", type=int, help="cut longer lists; such text cannot be read back")
