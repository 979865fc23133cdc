"""Arguments of the benchmarks' command lines that are lists by comma."""

import argparse
from collections.abc import Sequence


def names(text: str, accepted: Sequence[str], what: str) -> list[str]:
    """Returns the names in a list.

    Raises:
        argparse.ArgumentTypeError: one is not accepted; the message names those that are.
    """
    found = text.split(",")
    for name in found:
        if name not in accepted:
            raise argparse.ArgumentTypeError(f"unknown {what} {name!r}; accepted are {', '.join(accepted)}")
    return found


def numbers(text: str) -> list[int]:
    """Returns the numbers in a list.

    Raises:
        argparse.ArgumentTypeError: something is no number, or less than 1.
    """
    found = text.split(",")
    for item in found:
        if not item.isdecimal() or int(item) < 1:
            raise argparse.ArgumentTypeError(f"{item!r} is no number from 1 on")
    return [int(item) for item in found]
