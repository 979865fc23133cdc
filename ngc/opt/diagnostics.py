"""Errors by the lines of the text that they are about, and comments that expect them: `# expected-error@+1 {{part of the message}}`.

A comment speaks of the line at an offset from its own (`@+1`, `@-2`), of the next or the last line that is neither empty nor a comment (`@below`, `@above`), or
of an error that no line is known for (`@unknown`). Several may stand in one comment.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ngc.errors import InputError, NgcError, ParseError, VerifyError

_EXPECTATION = re.compile(r"expected-(?P<kind>[a-z]+)\s*(?:@(?P<place>[+-][0-9]{1,9}|above|below|unknown))?\s*\{\{(?P<text>.*?)\}\}(?!\})")
_DEFINED = re.compile(r"\s*(%[\w.$-]+(?:\s*,\s*%[\w.$-]+)*)\s*=")


@dataclass(frozen=True)
class Diagnostic:
    """An error's message and the line that it is about, from 1; None where none is known."""

    line: int | None
    text: str


@dataclass(frozen=True)
class Expectation:
    """A part of a message, the line that it is expected for (None: no line is known) and the comment's own line."""

    line: int | None
    text: str
    comment: int


def expected_in(text: str, source: str) -> list[Expectation]:
    """Returns what the comments of a text expect.

    Raises:
        InputError: a comment that begins with `expected-` and is none, or that speaks of a line which is not there.
    """
    lines = text.split("\n")
    found = []
    for number, line in enumerate(lines, 1):
        if not line.lstrip().startswith("#") or re.search(r"#\s*expected-", line) is None:
            continue
        matches = list(_EXPECTATION.finditer(line))
        if len(matches) != line.count("expected-") or any(match["kind"] != "error" for match in matches):
            raise InputError(f"{source}:{number}: an expectation is written # expected-error@+1 {{{{text}}}}; other places are @-1, @above, @below, @unknown")
        for match in matches:
            found.append(Expectation(_line_of(match["place"], number, lines, source), match["text"].strip(), number))
    return found


def _line_of(place: str | None, number: int, lines: Sequence[str], source: str) -> int | None:
    if place == "unknown":
        return None
    if place in ("above", "below"):
        others = range(number - 1, 0, -1) if place == "above" else range(number + 1, len(lines) + 1)
        line = next((other for other in others if lines[other - 1].strip() and not lines[other - 1].lstrip().startswith("#")), 0)
    else:
        line = number + int(place or 0)
    if not 1 <= line <= len(lines):
        raise InputError(f"{source}:{number}: the expectation speaks of a line that the text does not have")
    return line


def diagnostics_of(error: BaseException, text: str) -> list[Diagnostic]:
    """Returns what an error says, each thing with the line of the text that it is about; passes' errors are looked into."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ParseError) and cause.line is not None:
            return [Diagnostic(cause.line, cause.what)]
        if isinstance(cause, VerifyError) and cause.findings:
            return [Diagnostic(_defined_at(name, text), what) for name, what in cause.findings]
        cause = cause.__cause__ if isinstance(cause.__cause__, NgcError) else None
    return [Diagnostic(None, str(error))]


def _defined_at(name: str, text: str) -> int | None:
    """Returns the line that defines a value, that of the graph's header for its inputs and where the name is empty, None where no line does."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("graph") and (not name or re.search(rf"%{re.escape(name)}[\s:]", line) is not None):
            return number
        match = _DEFINED.match(line)
        if match is not None and f"%{name}" in match[1].replace(" ", "").split(","):
            return number
    return None


def compare(expected: Sequence[Expectation], found: Sequence[Diagnostic], source: str) -> list[str]:
    """Returns a message for each error that nothing expects and for each expectation that no error meets; an error meets one expectation."""
    missing = list(expected)
    messages = []
    for diagnostic in found:
        met = next((wanted for wanted in missing if wanted.line == diagnostic.line and wanted.text in diagnostic.text), None)
        if met is not None:
            missing.remove(met)
        else:
            messages.append(f"{source}:{diagnostic.line or 'unknown'}: unexpected error: {diagnostic.text}")
    messages += (f"{source}:{wanted.comment}: expected error {wanted.text!r} {_place(wanted)} did not come" for wanted in missing)
    return messages


def _place(wanted: Expectation) -> str:
    return "without a known line" if wanted.line is None else f"at line {wanted.line}"
