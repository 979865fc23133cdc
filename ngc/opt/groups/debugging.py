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
    group.add_argument("--instrument", metavar="MODULE:CLASS", action="append", default=[], help="add an instrument of your own; executes its code")
    group.add_argument("--trace-rule", metavar="NAMES", default="",
                       help="print every candidate of these rules or passes (patterns): applied, refused and why, no match")
    group.add_argument("--debug-counter", metavar="RULE:skip=N,count=M", action="append", default=[],
                       help="skip the first N firings of a rule (or pass/RULE), let M fire, skip the rest; says how many there were")
    group.add_argument("--statistics", nargs="?", const="table", choices=("table", "json"), help="print what each pass and each of its rules did")


def instruments(options: Namespace, write: Callable[[str], object]) -> "list[Instrument]":
    """Returns what bisects and traces."""
    from ngc.passes import instruments as tools
    from ngc.passes.instruments.bisect import BisectLimit

    chosen: list[Instrument] = []
    if options.instrument:
        from ngc.opt.plugins import load_instrument  # only users' own classes need it

        chosen += map(load_instrument, options.instrument)
    if options.bisect_limit is not None:
        chosen.append(tools.Bisect(BisectLimit.parse(options.bisect_limit), write))
    if options.debug_counter:
        from ngc.passes.instruments.debug_counter import Counter  # as with bisecting

        chosen.append(tools.DebugCounters([Counter.parse(text) for text in options.debug_counter], write))
    elif not options.no_verify_each and options.bisect_limit is None:  # running a pass again would count again
        chosen.append(tools.FindBreakage(write))
    if options.statistics:
        chosen.append(tools.Statistics(write, options.statistics == "json"))
    if options.trace_rule:
        chosen.append(tools.TraceRule(names(options.trace_rule), write))
    return chosen
