"""Operator parameters: the text forms that MXNet's parser takes, and schemas that check and type them."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ngc.errors import ImportFailure, shorten

_INT = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity|nan)f?", re.IGNORECASE)
_F32_MAX = 3.4028234663852886e38

DTYPE_BY_NAME: Mapping[str, str] = MappingProxyType(
    {
        "float32": "f32",
        "float64": "f64",
        "float16": "f16",
        "uint8": "u8",
        "int32": "i32",
        "int8": "i8",
        "int64": "i64",
        "bool": "bool",
        "bfloat16": "bf16",
    }
)
"""MXNet's and numpy's names of the element types, and the IR's."""

DTYPE_BY_FLAG: Mapping[int, str] = MappingProxyType(
    {0: "f32", 1: "f64", 2: "f16", 3: "u8", 4: "i32", 5: "i8", 6: "i64", 7: "bool", 12: "bf16"}
)
"""The type flags of variables (`__dtype__`)."""

ATTRIBUTE_REQUIRED = object()
"""Default of a parameter that a node must give."""


class MalformedValue(ValueError):
    """A text that is not of its parameter's kind; the message says what would be."""


def parse_bool(text: str) -> bool:
    """Returns the truth of `True`, `false`, `1`, `0` in any letter case."""
    match text.strip().lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise MalformedValue("expected True, False, 1 or 0")


def parse_int(text: str, bits: int = 32) -> int:
    """Returns a decimal integer that fits a signed word of `bits` bits."""
    stripped = text.strip()
    if not _INT.fullmatch(stripped) or len(stripped) > 20:
        raise MalformedValue('expected an integer such as "64"')
    value = int(stripped)
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise MalformedValue(f"expected an integer of {bits} bits")
    return value


def parse_float(text: str, largest: float = _F32_MAX) -> float:
    """Returns a decimal number; `inf`, `nan` and a trailing `f` are taken, more than `largest` is not."""
    stripped = text.strip()
    if not _FLOAT.fullmatch(stripped):
        raise MalformedValue('expected a number such as "1e-05"')
    if stripped.lower().lstrip("+-") not in ("inf", "infinity") and stripped[-1] in "fF":
        stripped = stripped[:-1]
    value = float(stripped)
    overflowed = math.isinf(value) and "inf" not in stripped.lower()
    if overflowed or (math.isfinite(value) and abs(value) > largest):
        raise MalformedValue(f"expected a number within ±{largest:g}")
    return value


def parse_double(text: str) -> float:
    """Returns a decimal number of double range."""
    return parse_float(text, math.inf)


def parse_optional(text: str, parse: Callable[[str], Any]) -> Any:
    """Returns None for `None`, else what `parse` makes of the text."""
    return None if text.strip() == "None" else parse(text)


def parse_tuple(text: str, parse: Callable[[str], Any]) -> tuple[Any, ...]:
    """Returns the elements of `(3, 3)`, `[3,3]`, `(3L, 3L)`, `(3,)`, `()` or of a single bare number."""
    stripped = text.strip()
    if stripped[:1] not in ("(", "["):
        return (_element(stripped, parse),)
    if stripped[-1:] not in (")", "]") or len(stripped) < 2:
        raise MalformedValue('expected a tuple such as "(3, 3)"')
    body = stripped[1:-1].strip()
    if not body:
        return ()
    body = body[:-1] if body.endswith(",") else body
    return tuple(_element(part.strip().removesuffix("L"), parse) for part in body.split(","))


def _element(text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except MalformedValue as error:
        raise MalformedValue(f'expected a tuple such as "(3, 3)"; of {text!r}: {error}') from error


def parse_dtype(text: str) -> str:
    """Returns the IR's name of an element type given by its MXNet name."""
    name = text.strip()
    if name not in DTYPE_BY_NAME:
        raise MalformedValue(f"expected one of {', '.join(DTYPE_BY_NAME)}")
    return DTYPE_BY_NAME[name]


def parse_type_flag(text: str) -> str:
    """Returns the IR's name of an element type given by its number, as variables carry it; -1 is float32."""
    flag = parse_int(text)
    if flag == -1:
        return "f32"
    if flag not in DTYPE_BY_FLAG:
        known = ", ".join(f"{number} ({name})" for number, name in DTYPE_BY_FLAG.items())
        raise MalformedValue(f"expected one of {known}")
    return DTYPE_BY_FLAG[flag]


def parse_shape(text: str) -> tuple[int, ...]:
    """Returns a tuple of 64-bit integers."""
    return parse_tuple(text, lambda part: parse_int(part, 64))


_PARSERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "bool": parse_bool,
        "int": parse_int,
        "long": lambda text: parse_int(text, 64),
        "float": parse_float,
        "double": parse_double,
        "str": lambda text: text,
        "dtype": parse_dtype,
        "shape": parse_shape,
        "floats": lambda text: parse_tuple(text, parse_float),
        "optional_longs": lambda text: parse_tuple(
            text, lambda part: parse_optional(part, lambda inner: parse_int(inner, 64))
        ),
    }
)


@dataclass(frozen=True)
class Field:
    """One parameter of an operator: its kind, its default (none: required), and its legal values.

    `optional` lets `None` stand for "not given"; `low` and `high` bound numbers, inclusive.
    """

    kind: str
    default: Any = ATTRIBUTE_REQUIRED
    optional: bool = False
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def parse(self, text: str) -> Any:
        """Returns the typed value; MalformedValue says what would be accepted."""
        if self.optional and text.strip() == "None":
            return None
        if self.kind == "enum":
            if text.strip() not in self.values:
                raise MalformedValue(f"expected one of {', '.join(self.values)}")
            return text.strip()
        value = _PARSERS[self.kind](text)
        if self.low is not None and value < self.low:
            raise MalformedValue(f"expected at least {self.low}")
        if self.high is not None and value > self.high:
            raise MalformedValue(f"expected at most {self.high}")
        return value


def enum(*values: str, default: Any = ATTRIBUTE_REQUIRED, optional: bool = False) -> Field:
    """Returns the field of a parameter that takes one of a few words."""
    return Field("enum", default, optional, values)


IGNORED = Field("str", None)
"""A parameter that MXNet accepts and that has no meaning here (workspace sizes, cuDNN switches)."""

Schema = Mapping[str, Field]
Attributes = dict[str, Any]


def parse_attributes(attrs: Mapping[str, str], schema: Schema, where: str) -> Attributes:
    """Returns the typed value of every parameter of the schema, defaults filled in.

    Raises:
        ImportFailure: a parameter is unknown, missing or malformed; `where` names the node.
    """
    unknown = [key for key in attrs if key not in schema]
    if unknown:
        raise ImportFailure(
            f"{where}: unknown parameter{'s' if len(unknown) > 1 else ''} {shorten(', '.join(map(repr, unknown)))}; "
            f"the operator takes {', '.join(schema) or 'none'}"
        )
    values: Attributes = {}
    for key, field in schema.items():
        if key in attrs:
            try:
                values[key] = field.parse(attrs[key])
            except MalformedValue as error:
                raise ImportFailure(f"{where}: {key} = {attrs[key][:120]!r}: {error}") from error
        elif field.default is ATTRIBUTE_REQUIRED:
            raise ImportFailure(f"{where}: the required parameter {key!r} is missing")
        else:
            values[key] = field.default
    return values
