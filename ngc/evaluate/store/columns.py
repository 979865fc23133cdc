"""Column types and encodings that give back on both databases exactly what was stored."""

import json
import math
import re
import struct
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, LargeBinary, Text, TypeDecorator

_PAIR = struct.Struct("<id")
_FLOAT = "$float"
_UNSTORABLE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:u([0-9a-f]{4})|\\)")


class UtcTime(TypeDecorator[datetime]):
    """A time of any zone, given back in UTC; SQLite knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Returns the time in UTC.

        Raises:
            ValueError: it has no zone.
        """
        if value is not None and value.tzinfo is None:
            raise ValueError(f"the time {value} has no time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Returns the time, aware."""
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


class AnyText(TypeDecorator[str]):
    r"""Any Python text: files' names that are no UTF-8 hold surrogates, which no database takes, and PostgreSQL takes no NUL.

    Those are stored as `\udc80`, a backslash as two; all else as it is.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Returns the text, escaped."""
        return value and _UNSTORABLE.sub(lambda found: "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Returns the text as it was."""
        return value and _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", value)


class Features(TypeDecorator[tuple[tuple[int, float], ...]]):
    """Classes and their probabilities, packed one after the other as an int32 and a float64 of little endian.

    JSON would take twice the space, and most of the time that listing 100,000 predictions takes.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: tuple[tuple[int, float], ...] | None, dialect: Dialect) -> bytes | None:
        """Returns the pairs, packed."""
        return None if value is None else b"".join(_PAIR.pack(*pair) for pair in value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> tuple[tuple[int, float], ...] | None:
        """Returns the pairs."""
        return None if value is None else tuple(_PAIR.iter_unpack(value))


def dump_json(value: Any) -> str:
    """Returns JSON that every database takes and `load_json` turns back, numbers that JSON does not have among it.

    An infinity is {"$float": "inf"}; keys of the value's own that begin with "$" get one more.
    """
    return json.dumps(_encode(value), separators=(",", ":"), allow_nan=False)


def load_json(text: str | bytes) -> Any:
    """Returns the value of JSON that `dump_json` made; its tuples are lists, and its keys texts."""
    text = text if isinstance(text, str) else text.decode()
    value = json.loads(text)
    return _decode(value) if '"$' in text else value


def _encode(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, dict):
        return {f"${key}" if str(key).startswith("$") else key: _encode(item) for key, item in value.items()}
    return [_encode(item) for item in value] if isinstance(value, list | tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_FLOAT}:
            return float(value[_FLOAT])
        return {key.removeprefix("$"): _decode(item) for key, item in value.items()}
    return [_decode(item) for item in value] if isinstance(value, list) else value
