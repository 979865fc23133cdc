"""How the values of flags are read."""

import os
import sys

from ngc.errors import InputError


def names(text: str) -> tuple[str, ...]:
    """Returns the parts of a comma-separated list."""
    return tuple(part for part in text.replace(" ", "").split(",") if part)


def shapes(items: list[str]) -> dict[str, tuple[int | str, ...]] | None:
    """Returns shapes by input name from `data=N,3,224,224`; None where none is given."""
    result: dict[str, tuple[int | str, ...]] = {}
    for item in items:
        name, equals, dims = item.rpartition("=")
        parts = [part.strip() for part in dims.strip("() ").split(",") if part.strip()]
        if not equals or not name or not parts or not all(part == "N" or (part.isascii() and part.isdigit()) for part in parts):
            raise InputError(f"--shape takes name=dimensions such as data=1,3,224,224 or data=N,3,224,224, not {item!r}")
        if name in result:
            raise InputError(f"--shape gives the input {name!r} twice")
        result[name] = tuple(part if part == "N" else int(part) for part in parts)
    return result or None


def wants_color(choice: str) -> bool:
    """Returns whether the standard error stream gets colors: `always`, `never`, or `auto` on terminals unless the environment has NO_COLOR or TERM=dumb."""
    if choice != "auto":
        return choice == "always"
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
