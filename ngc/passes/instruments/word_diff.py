"""Differences of two texts of IR, where a line that stays the definition of the same value is shown once with the words that changed in it."""

import difflib
import re
from collections.abc import Sequence

_WORD = re.compile(r"[%@]?[\w.$#-]+|\s+|.")
_DEFINED = re.compile(r"\s*(%[\w.$-]+(?:, %[\w.$-]+)*) = |\s*(return|graph)\b")

RED, GREEN, BLUE, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[0m"
"""What terminals are told; the last ends the others."""


def word_diff(before: str, after: str, *, color: bool, context: int = 2) -> list[str]:
    """Returns the changed lines with some around them: gone (-), new (+), and changed (~) ones, in which `[-old-]` and `{+new+}` mark words, or colors do."""
    old, new = before.splitlines(), after.splitlines()
    lines = []
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context):
        (_, first, _, start, _), (_, _, last, _, end) = group[0], group[-1]
        lines.append(_colored(f"@@ -{first + 1},{last - first} +{start + 1},{end - start} @@", BLUE if color else ""))
        for kind, low, high, begin, stop in group:
            lines += (f" {line}" for line in old[low:high]) if kind == "equal" else _replaced(old[low:high], new[begin:stop], color)
    return lines


def colored_diff(lines: Sequence[str]) -> list[str]:
    """Returns the lines of a unified diff in colors."""
    return [_colored(line, {"-": RED, "+": GREEN, "@": BLUE}.get(line[:1], "")) for line in lines]


def _replaced(old: Sequence[str], new: Sequence[str], color: bool) -> list[str]:
    """Shows each new line where it is, as changed where an old one defines the same; old lines that have no successor stand before what followed them."""
    known = {name: number for number, line in enumerate(new) if (name := _defines(line))}
    successors = [known.get(_defines(line), -1) for line in old]
    lines: list[str] = []
    shown = 0
    for line, successor in zip(old, successors, strict=True):
        if successor < shown:  # gone, or moved up beyond what was shown
            lines.append(_colored(f"-{line}", RED if color else ""))
            continue
        lines += (_colored(f"+{line}", GREEN if color else "") for line in new[shown:successor])
        lines.append(f"~{_words(line, new[successor], color)}")
        shown = successor + 1
    return [*lines, *(_colored(f"+{line}", GREEN if color else "") for line in new[shown:])]


def _defines(line: str) -> str:
    match = _DEFINED.match(line)
    return (match[1] or match[2]) if match is not None else ""


def _words(old: str, new: str, color: bool) -> str:
    """Returns one line with the words that went and came."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    text = ""
    for kind, low, high, begin, stop in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, come = "".join(before[low:high]), "".join(after[begin:stop])
        if kind == "equal":
            text += gone
            continue
        if gone:
            text += _colored(gone, RED) if color else f"[-{gone}-]"
        if come:
            text += _colored(come, GREEN) if color else f"{{+{come}+}}"
    return text


def _colored(text: str, color: str) -> str:
    return f"{color}{text}{PLAIN}" if color else text
