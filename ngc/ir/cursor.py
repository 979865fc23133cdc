"""Reads one line of text token by token; every complaint is a ParseError that shows the place, the line and a caret."""

import json
import re
from typing import NoReturn

from ngc.errors import ParseError

_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|(?:inf|nan)\b)")
_INTEGER = re.compile(r"[-+]?[0-9]+(?![\w.])")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_WIDTH = 100
"""How much of a long line an error shows."""


class Cursor:
    """A position in one line, which `source` and `number` (from 1) locate."""

    def __init__(self, line: str, number: int, source: str) -> None:
        self.line, self.number, self.source = line, number, source
        self.position = 0

    def skip(self) -> int:
        """Moves past blanks and returns the position."""
        line, position = self.line, self.position
        while position < len(line) and line[position] in " \t\r":  # most often none or one: a pattern takes longer
            position += 1
        self.position = position
        return position

    @property
    def at_end(self) -> bool:
        """Whether only blanks are left."""
        return self.skip() == len(self.line)

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        """Raises ParseError for a position, by default the present one."""
        column = self.skip() if position is None else position
        start = 0 if len(self.line) <= _WIDTH else max(0, min(column - _WIDTH // 2, len(self.line) - _WIDTH))
        shown = "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in self.line[start:start + _WIDTH]).rstrip()
        lead, tail = "... " if start else "", " ..." if start + _WIDTH < len(self.line) else ""
        caret = " " * (len(lead) + column - start) + "^"
        raise ParseError(f"{self.source}:{self.number}:{column + 1}: {message}\n  {lead}{shown}{tail}\n  {caret}", self.number, message)

    def peek(self, token: str) -> bool:
        """Whether `token` comes next."""
        return self.line.startswith(token, self.skip())

    def accept(self, token: str) -> bool:
        """Moves past `token` if it comes next and says whether it did."""
        found = self.peek(token)
        if found:
            self.position += len(token)
        return found

    def expect(self, token: str, after: str) -> None:
        """Moves past `token`; ParseError where something else comes."""
        if not self.accept(token):
            self.fail(f"expected {token!r} {after}")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Moves past what the pattern matches here and returns it; None where it does not match."""
        found = pattern.match(self.line, self.skip())
        if found is None:
            return None
        self.position = found.end()
        return found.group()

    def word(self, what: str) -> str:
        """Returns the identifier that comes next."""
        return self.match(_WORD) or self.fail(f"expected {what}")

    def string(self, what: str) -> str:
        """Returns the JSON string that comes next."""
        text = self.try_string()
        if text is None:
            self.fail(f"expected {what} in double quotes")
        return text

    def try_string(self) -> str | None:
        """Returns the JSON string that comes next; None where none does."""
        start = self.skip()
        text = self.match(_STRING)
        if text is None:
            return None
        try:
            return str(json.loads(text))
        except ValueError:
            self.fail("this string has an escape that JSON does not know", start)

    def integer(self, what: str, least: int, most: int) -> int:
        """Returns the integer that comes next and lies in [least, most]."""
        start = self.skip()
        text = self.match(_INTEGER)
        if text is None:
            self.fail(f"expected {what}, a whole number")
        if len(text) > 20 or not least <= int(text) <= most:
            self.fail(f"{what} must lie between {least} and {most}", start)
        return int(text)

    def try_number(self) -> int | float | None:
        """Returns the number that comes next, an int where it is written as one; None where none comes."""
        start = self.skip()
        text = self.match(_NUMBER)
        if text is None:
            return None
        if len(text) > 400:
            self.fail("this number has too many digits", start)
        if text.lstrip("+-").isdigit():
            if len(text) > 20:
                self.fail("this whole number is too large", start)
            return int(text)
        return float(text)

    def number_value(self, what: str) -> float:
        """Returns the number that comes next as a float."""
        value = self.try_number()
        if value is None:
            self.fail(f"expected {what}, a number")
        return float(value)
