"""Values of a manifest's fields: what they may be, and the form that they are brought into.

Validators raise ValueError without a word: what a field takes is told by its description, in errors as in the models.
"""

import math
import string
from collections.abc import Mapping
from typing import Annotated, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BeforeValidator, Field

PIXEL_TYPES = ("float16", "float32", "float64", "int8", "int32", "uint8")
ELEMENT_TYPES = (*PIXEL_TYPES, "int64")
LAYOUTS = ("CHW", "NCHW", "HWC", "NHWC")
COLOR_MODES = {"RGB": "RGB", "BGR": "BGR", "GRAY": "GRAY", "GREY": "GRAY", "GRAYSCALE": "GRAY", "GREYSCALE": "GRAY"}
"""What each spelling means."""

MOST_INDEX = (1 << 31) - 1


def one_of(names: "tuple[str, ...] | Mapping[str, str]") -> BeforeValidator:
    """Returns a validator that takes names in any case and gives them as they are spelled here; of a mapping, what they mean."""
    meanings = {name.casefold(): names[name] if isinstance(names, Mapping) else name for name in names}

    def choose(value: Any) -> str:
        if not isinstance(value, str) or value.casefold() not in meanings:
            raise ValueError
        return meanings[value.casefold()]

    return BeforeValidator(choose)


def constraint_of(text: str) -> SpecifierSet:
    """Returns the versions that a constraint admits; a version alone is that one.

    Raises:
        ValueError: it is none.
    """
    try:
        return SpecifierSet(f"=={text}" if text.strip()[:1].isdigit() else text)
    except InvalidSpecifier:
        raise ValueError from None


def to_tuple(value: Any) -> Any:
    """Returns a list as a tuple, and anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _check_constraint(text: str) -> str:
    constraint_of(text)
    return text


def _check_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion:
        raise ValueError from None
    return text


def _check_printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError
    return text


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        raise ValueError from None
    if not math.isfinite(number):
        raise ValueError
    return number


def _numbers(value: Any) -> "float | tuple[float, ...]":
    return tuple(map(_number, value)) if isinstance(value, list) else _number(value)


def _check_divisors(numbers: "float | tuple[float, ...]") -> "float | tuple[float, ...]":
    if min(numbers, default=1.0) <= 0 if isinstance(numbers, tuple) else numbers <= 0:
        raise ValueError
    return numbers


def _index(value: Any) -> Any:
    # The agents read a text of digits as the number.
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9 else value


def _checksum(text: str) -> str:
    if text and (len(text) not in (32, 64) or not set(text) <= set(string.hexdigits)):
        raise ValueError
    return text.lower()


Text = Annotated[str, AfterValidator(_check_printable)]
VersionText = Annotated[str, AfterValidator(_check_version)]
Constraint = Annotated[str, AfterValidator(_check_constraint)]
Dimensions = Annotated[tuple[Annotated[int, Field(ge=1, le=MOST_INDEX)], ...], BeforeValidator(to_tuple)]
ElementType = Annotated[str, one_of(ELEMENT_TYPES), Field(description=f"one of {', '.join(ELEMENT_TYPES)}")]
Numbers = Annotated[float | tuple[float, ...], BeforeValidator(_numbers)]
Divisors = Annotated[float | tuple[float, ...], AfterValidator(_check_divisors), BeforeValidator(_numbers)]
Checksum = Annotated[str, AfterValidator(_checksum), Field(description="an MD5 or SHA-256 checksum of 32 or 64 hexadecimal digits, or nothing")]
LayerIndex = Annotated[int, BeforeValidator(_index), Field(ge=0, le=MOST_INDEX)]
