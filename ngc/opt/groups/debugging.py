"""What helps to find the pass and the rule firing that are to blame."""

from argparse import Namespace, _ArgumentGroup
from collections.abc import Callable
from typing import TYPE_CHECKING

from ngc.opt.values import names

if TYPE_CHECKING:
    from ngc.passes import Instrument

TITLE = "debugging"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--bisect-limit", metavar="N", help="run the first N passes only; N.M: of the last one M rule firings only; says what runs")
    group.add_argument("--bisect-auto", nargs="?", const="", metavar="CMD", help="find the pass and the rule firing where CMD's exit status "
                       "flips ({ir}, {weights}: its files), or without CMD where outputs move")
    group.add_argument("--reproducer", metavar="FILE.ngir", help="where a pass fails: write the IR before it, with all that it takes to fail again")
    group.add_argument("--run-reproducer", metavar="FILE.ngir", help="run what such a file says, the code that it loads too; flags may be added")
    group.add_argument("--trace-rule", metavar="NAMES", default="", help="print every decision of these rules or passes (patterns)")


def instruments(options: Namespace, write: Callable[[str], object]) -> "list[Instrument]":
    """Returns what bisects and traces."""
    from ngc.passes import instruments as tools
    from ngc.passes.instruments.bisect import BisectLimit

    chosen: list[Instrument] = []
    if options.bisect_limit is not None:
        chosen.append(tools.Bisect(BisectLimit.parse(options.bisect_limit), write))
    if options.trace_rule:
        chosen.append(tools.TraceRule(names(options.trace_rule), write))
    return chosen
