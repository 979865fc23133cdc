"""Reads what attributes hold: numbers, strings, dimensions, steps and lists of these."""

import re

from ngc.errors import VerifyError
from ngc.ir.cursor import Cursor
from ngc.ir.steps import STEPS, Step
from ngc.ir.type_parser import try_symbolic

_VALUE = re.compile(r"%[A-Za-z0-9_.$-]+")
_WORDS = {"none": None, "true": True, "false": False}
_MOST_NESTING = 4


def value_name(cursor: Cursor) -> str:
    """Reads the name of a value, without its `%`."""
    return (cursor.match(_VALUE) or cursor.fail("expected a value's name such as %data"))[1:]


def parse_value(cursor: Cursor, operands: list[tuple[int, str]] | None = None, depth: int = 0) -> object:
    """Reads none, true, false, a number, a JSON string, a dimension, a step or a list of these; appends operands that steps show."""
    if cursor.accept("["):
        if depth >= _MOST_NESTING:
            cursor.fail(f"lists nest at most {_MOST_NESTING} deep")
        items: list[object] = []
        while not cursor.accept("]"):
            if items:
                cursor.expect(",", "or ']' after an item")
            items.append(parse_value(cursor, operands, depth + 1))
        return tuple(items)
    text = cursor.try_string()
    if text is not None:
        return text
    if (symbolic := try_symbolic(cursor)) is not None:
        return symbolic
    number = cursor.try_number()
    if number is not None:
        return number
    if cursor.peek("..."):
        cursor.fail("this text was shortened with --elide-larger-than and cannot be read back")
    start = cursor.skip()
    word = cursor.word("a value: none, true, false, a number, a string, a step or a list")
    return _WORDS[word] if word in _WORDS else _step(cursor, word, start, operands)


def _step(cursor: Cursor, kind: str, start: int, operands: list[tuple[int, str]] | None) -> Step:
    if kind not in STEPS:
        cursor.fail(f"unknown step or word {kind!r}; words: none, true, false; steps: {', '.join(sorted(STEPS))}", start)
    shown: list[tuple[int, str]] = []
    params: list[float] = []
    if cursor.accept("("):
        while not cursor.accept(")"):
            if shown or params:
                cursor.expect(",", "or ')' in a step")
            if cursor.peek("%"):
                shown.append((cursor.position, value_name(cursor)))
            else:
                params.append(cursor.number_value("an operand or a parameter of the step"))
    if len(shown) != len(STEPS[kind].operands):
        cursor.fail(f"step {kind} reads the operands ({', '.join(STEPS[kind].operands)}), {len(shown)} were given", start)
    if operands is not None:
        operands.extend(shown)
    try:
        return Step(kind, tuple(params))
    except VerifyError as error:
        cursor.fail(str(error), start)
