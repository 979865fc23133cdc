"""What is checked."""

from argparse import Namespace, _ArgumentGroup
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ngc.ir import Graph
    from ngc.passes import Instrument

TITLE = "checking"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--check-numerics", nargs="?", const="", metavar="RTOL,ATOL",
                       help="evaluate after every pass; fail at the first one that moves an output (default 1e-4,1e-6; int8 is compared node by node)")
    group.add_argument("--check-finite", action="store_true", help="evaluate after every pass; fail at the first value that becomes NaN or infinite")
    group.add_argument("--split-input-file", action="store_true", help="take the parts between lines '# -----' for a graph each")
    group.add_argument("--verify-diagnostics", action="store_true",
                       help="hold errors against comments: # expected-error@+1 {{text}}; also @-1, @above, @below, @unknown")
    group.add_argument("--feeds", metavar="FILE.npz", default="random(seed=0)", help="inputs to evaluate with, or random(seed=0)")


def checks(options: Namespace, graph: "Graph", write: Callable[[str], object]) -> "list[Instrument]":
    """Returns the instruments that evaluate a graph while passes change it."""
    check_numerics = options.check_numerics is not None and options.passes
    if not check_numerics and not options.check_finite:
        return []
    from ngc.opt.inputs import read_feeds
    from ngc.passes.instruments import CheckFinite, CheckNumerics
    from ngc.passes.instruments.tolerance import tolerance_of

    feeds = read_feeds(options.feeds, graph)
    chosen: list[Instrument] = [CheckFinite(feeds, write)] if options.check_finite else []
    if check_numerics:
        chosen.append(CheckNumerics(feeds, tolerance_of(options.check_numerics), write))
    return chosen
