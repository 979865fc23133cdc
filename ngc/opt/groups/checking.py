"""What is checked."""

from argparse import _ArgumentGroup

TITLE = "checking"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--check-numerics", nargs="?", const="", metavar="RTOL,ATOL",
                       help="evaluate after every pass; fail at the first one that moves an output (default 1e-4,1e-6)")
    group.add_argument("--feeds", metavar="FILE.npz", default="random(seed=0)", help="inputs for --check-numerics, or random(seed=0)")
