"""The parser of ngc-eval's command line: Cobra's habits, which the agents' scripts rely on, in argparse."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from ngc.cli.main import Parser
from ngc.evaluate.cli.flags import BOOLEANS, boolean


class EvalParser(Parser):
    """Takes the value of a flag that may have none from `--flag=value` alone, and no abbreviations.

    argparse would take the command for the flag's value in `ngc-eval --verbose predict`. Only true and false may be words of their own.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]  # argparse's overloads
        """Returns what argparse does, of arguments in which such flags have their values."""
        given = list(args or ())
        flags = {spelling: action for action in self._actions if action.nargs == "?" for spelling in action.option_strings}
        spelled = [_valued(text, flags[text], after) if text in flags else text for text, after in zip(given, [*given[1:], ""], strict=False)]
        return super().parse_known_args(spelled, namespace)


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yields a parser and those of all its commands, each once."""
    yield parser
    for action in parser._actions:  # argparse has no other way to them
        if isinstance(action, argparse._SubParsersAction):
            for below in {id(command): command for command in action.choices.values()}.values():  # aliases name the same one
                yield from walk(below)


def _valued(flag: str, action: argparse.Action, following: str) -> str:
    """Returns a flag with the value that it has without one, unless a word that is true or false follows."""
    if action.type is boolean and following.lower() in BOOLEANS:
        return flag
    value = "true" if action.type is boolean else action.const
    return f"{flag}={value}" if flag.startswith("--") else f"{flag}{value}"
