"""The names of the rules that passes have, and which of them a pattern means."""

import fnmatch
import inspect
from difflib import get_close_matches

from ngc.errors import InputError
from ngc.ir.rewrite import Rule
from ngc.passes.registry import PASSES


def rule_names() -> tuple[str, ...]:
    """Returns the names of all rules, those of registered passes and of others that were imported, in alphabetical order."""
    for load in PASSES.values():
        load()
    found: set[str] = set()
    pending: list[type[Rule]] = Rule.__subclasses__()
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if not inspect.isabstract(kind):
            found.add(kind.__name__)
    return tuple(sorted(found))


def matches(pattern: str, pass_name: str, rule: str) -> bool:
    """Whether a pattern, `rule` or `pass/rule`, means a rule of a pass."""
    return fnmatch.fnmatchcase(f"{pass_name}/{rule}" if "/" in pattern else rule, pattern)


def check_pattern(pattern: str, flag: str) -> None:
    """Raises InputError, with names that are near, where a pattern means no rule."""
    names = rule_names()
    rule = pattern.rpartition("/")[2]
    if not any(fnmatch.fnmatchcase(name, rule) for name in names):
        raise InputError(f"{flag}: no rule is named {rule!r}{near_names(rule, names)}")
    pass_name = pattern.rpartition("/")[0]
    if pass_name and not any(fnmatch.fnmatchcase(name, pass_name) for name in PASSES):
        raise InputError(f"{flag}: no pass is named {pass_name!r}{near_names(pass_name, tuple(PASSES))}")


def near_names(name: str, names: tuple[str, ...]) -> str:
    """Returns the end of a message: names that are near, or where none is, nothing."""
    by_lower = {known.lower(): known for known in names}
    near = [by_lower[found] for found in get_close_matches(name.lower(), by_lower, 3)]
    return f"; did you mean {', '.join(near)}?" if near else ""
