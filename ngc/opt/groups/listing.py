"""What is listed, without any input."""

from argparse import _ArgumentGroup

TITLE = "listing (needs no input)"


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--list-passes", action="store_true", help="list passes with their options")
    group.add_argument("--list-ops", action="store_true", help="list operators with their operands and attributes")
    group.add_argument("--list-pipelines", action="store_true", help="list the named pipelines")
