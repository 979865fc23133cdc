"""What is read."""

from argparse import _ArgumentGroup

TITLE = "input"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--params", metavar="FILE", help="the parameters of an MXNet symbol; by default those found beside it")
    group.add_argument("--shape", metavar="NAME=DIMS", action="append", default=[], help="an input's shape: data=1,3,224,224, or N first for any batch")
    group.add_argument("--outputs", metavar="NAMES", help="inner values of an MXNet symbol to return instead of its heads, by commas")
    group.add_argument("--weights", metavar="FILE.npz", help="data of the constants of .ngir text")
