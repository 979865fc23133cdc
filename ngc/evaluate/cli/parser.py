"""The parser of ngc-eval's command line: Cobra's habits, which the agents' scripts rely on, in argparse."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from ngc.cli.main import Parser
from ngc.evaluate.cli.flags import BOOLEANS, boolean


class EvalParser(Parser):
    """Reads a boolean flag without a value as true, and takes no abbreviations.

    argparse would take the command for the flag's value in `ngc-eval --verbose predict`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]  # argparse's overloads
        """Returns what argparse does, of arguments in which booleans have their values."""
        given = list(args or ())
        flags = {spelling for action in self._actions if action.type is boolean for spelling in action.option_strings}
        spelled = [_true(text) if text in flags and after.lower() not in BOOLEANS else text for text, after in zip(given, [*given[1:], ""], strict=True)]
        return super().parse_known_args(spelled, namespace)


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yields a parser and those of all its commands, each once."""
    yield parser
    for action in parser._actions:  # argparse has no other way to them
        if isinstance(action, argparse._SubParsersAction):
            for below in {id(command): command for command in action.choices.values()}.values():  # aliases name the same one
                yield from walk(below)


def _true(flag: str) -> str:
    return f"{flag}=true" if flag.startswith("--") else f"{flag}true"
