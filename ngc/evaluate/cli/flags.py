"""Flags as the MLModelScope agents spell them: words joined by underscores, booleans with or without a value; dashes are taken too."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

_TRUE, _FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")

BOOLEANS = frozenset((*_TRUE, *_FALSE))
"""Values of boolean flags, in lower case."""


def add_flag(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, name: str, default: Any, help: str, *, short: str = "", choices: Sequence[str] = (),
    read: Callable[[str], Any] | None = None, repeated: bool = False, value: str = "",
) -> None:
    """Adds `--name` of the default's type. A boolean flag alone means true, `--name=false` false; every flag may be spelled with dashes.

    Args:
        parser: gets it.
        name: with underscores.
        default: its type reads the flag's value, unless `read` does.
        help: one line.
        short: a letter for `-x`.
        choices: all values that there are.
        read: makes the value of its text; raises argparse.ArgumentTypeError.
        value: what the help calls the flag's value; the last word of its name unless given.
        repeated: a parser above has the flag too, so that it may stand before the command as well; the default is that one's.
    """
    spellings = [*([f"-{short}"] if short else []), f"--{name}", *([f"--{name.replace('_', '-')}"] if "_" in name else [])]
    stated = f"{help} (default: {_spell(default)})" if default not in ("", None) else help
    stored = argparse.SUPPRESS if repeated else default
    if isinstance(default, bool):
        parser.add_argument(*spellings, dest=name, nargs="?", const=True, default=stored, type=boolean, metavar="BOOL", help=stated)
        return
    parser.add_argument(*spellings, dest=name, type=read or (str if default is None else type(default)), default=stored,
                        metavar=value or name.rsplit("_", 1)[-1].upper(), choices=choices or None, help=stated)


def boolean(text: str) -> bool:
    """Returns what a boolean flag's value means."""
    lowered = text.lower()
    if lowered not in BOOLEANS:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return lowered in _TRUE


def _spell(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
