"""What passes are run for, and which."""

from argparse import _ArgumentGroup

TITLE = "pipeline"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--compile-to", metavar="STAGE", help="run ngc.compile's pipeline up to imported, canonical, fused, quantized or lowered")
    group.add_argument("--compile-from", metavar="STAGE", help="run ngc.compile's pipeline from that stage on, which INPUT is in")
    group.add_argument("--precision", metavar="P", help="of --compile-to and --compile-from: fp32 (default), bf16, fp16 or int8")
    add_context(group)
    group.add_argument("--disable", metavar="NAMES", default="", help="passes to leave out, patterns by commas")
    group.add_argument("--no-verify-each", action="store_true", help="do not verify the IR after each pass")
    group.add_argument("--print-pipeline", action="store_true", help="print the passes that would run, and stop")


def add_context(group: _ArgumentGroup) -> None:
    """Adds the flags that say what passes are and what they may ask."""
    group.add_argument("--load-pass", metavar="MODULE:CLASS", action="append", default=[],
                       help="a pass of your own for -p, instead of one of the same name; executes its code")
    group.add_argument("--target", default="cpu", help="what passes compile for (default: cpu, this machine)")
    group.add_argument("--numerics", choices=("fast", "exact"), default="fast", help="exact: no algorithm that rounds differently from direct summation")
    group.add_argument("--calibration", metavar="TABLE", help="ranges for the quantize pass, of `ngc calibrate`; by default those of the graph")
