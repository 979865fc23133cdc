"""What is printed while passes run."""

from argparse import Namespace, _ArgumentGroup
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ngc.opt.values import names, wants_color

if TYPE_CHECKING:
    from ngc.passes import Instrument

TITLE = "printing"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--print-ir-before", metavar="P,..", default="", help="print the IR before these passes (patterns)")
    group.add_argument("--print-ir-after", metavar="P,..", default="", help="print the IR after these passes (patterns)")
    group.add_argument("--print-ir-before-all", action="store_true", help="print the IR before every pass")
    group.add_argument("--print-ir-after-all", action="store_true", help="print the IR after every pass")
    group.add_argument("--print-ir-after-change", action="store_true", help="print the IR after every pass that changed it")
    group.add_argument("--print-ir-after-failure", action="store_true", help="print the IR as a failing pass left it")
    group.add_argument("--print-changed", nargs="?", const="full", choices=("full", "diff", "cdiff", "quiet"),
                       help="print what each pass changed: all, lines (diff), words (cdiff), or all without passes that changed nothing (quiet)")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colors of differences (default: auto, on terminals)")
    group.add_argument("--dump-dir", metavar="DIR", help="write the IR after every pass and an index.html there")
    group.add_argument("--timing", nargs="?", const="tree", choices=("tree", "list", "json"), help="print how long each pass took; list: the slowest first")


def instruments(options: Namespace, write: Callable[[str], object]) -> "list[Instrument]":
    """Returns what prints, dumps and times."""
    from ngc.passes import instruments as tools
    from ngc.passes.instruments.printing import Style

    style = Style(options.print_locations, options.elide_larger_than)
    chosen: list[Instrument] = []
    before = ("*",) if options.print_ir_before_all else names(options.print_ir_before)
    after = ("*",) if options.print_ir_after_all else names(options.print_ir_after)
    if before or after or options.print_ir_after_change or options.print_ir_after_failure:
        chosen.append(tools.PrintIR(write, style, before, after, options.print_ir_after_change, options.print_ir_after_failure))
    if options.print_changed:
        chosen.append(tools.PrintChanges(write, options.print_changed, style, wants_color(options.color)))
    if options.dump_dir:
        chosen.append(tools.DumpIR(Path(options.dump_dir), Style(True, options.elide_larger_than)))
    if options.timing:
        chosen.append(tools.Timing(write, options.timing))
    return chosen
