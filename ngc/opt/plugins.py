"""Classes of the user's that take part in a run: `MODULE:CLASS`, imported, which executes the module's code."""

import importlib
import inspect
import sys
from collections.abc import Sequence
from typing import TypeVar

from ngc.errors import InputError
from ngc.passes import Instrument, Pass

Kind = TypeVar("Kind")


def load_class(text: str, flag: str, kind: type[Kind]) -> type[Kind]:
    """Returns the class that `module:Class` names; modules are also looked for in the present folder.

    Raises:
        InputError: text of another form, a module that cannot be imported, or a class that is missing or no subclass of `kind`.
    """
    module, colon, name = text.partition(":")
    if not colon or not module or not name.isidentifier():
        raise InputError(f"{flag} takes module:Class such as my_tools.passes:Mine, not {text!r}")
    sys.path.insert(0, "")
    try:
        loaded = importlib.import_module(module)
    except Exception as error:  # the user's code may raise anything
        raise InputError(f"{flag} {text}: the module {module} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    found = getattr(loaded, name, None)
    if found is None:
        raise InputError(f"{flag} {text}: the module {module} has no {name}")
    if not isinstance(found, type) or not issubclass(found, kind):
        raise InputError(f"{flag} {text}: {name} is no subclass of ngc.passes.{kind.__name__}")
    return found


def load_instrument(text: str) -> Instrument:
    """Returns an instrument that `module:Class` makes without arguments; InputError where it cannot."""
    kind = load_class(text, "--instrument", Instrument)
    try:
        return kind()
    except Exception as error:  # the user's code may raise anything
        raise InputError(f"--instrument {text}: {kind.__name__}() failed: {type(error).__name__}: {error}") from error


def load_passes(texts: Sequence[str]) -> dict[str, type[Pass]]:
    """Returns passes by their names in pipelines; InputError where one has none or lacks what a pass has."""
    found: dict[str, type[Pass]] = {}
    for text in texts:
        kind = load_class(text, "--load-pass", Pass)  # type: ignore[type-abstract]  # its subclasses are meant
        if inspect.isabstract(kind) or not isinstance(getattr(kind, "name", None), str):
            raise InputError(f"--load-pass {text}: {kind.__name__} lacks a name or a method run")
        found[kind.name] = kind
    return found
