"""Spans that tests make without a tracer."""

from itertools import count
from typing import Any

from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Span

_numbers = count(1)


def make_span(begin_us: int, end_us: int, parent: str = "", *, name: str = "work", level: TraceLevel = TraceLevel.MODEL_TRACE, **attributes: Any) -> Span:
    """Returns a span with an id of its own; its times are microseconds after the first second of 2026."""
    origin = 1_767_225_600_000_000
    return Span(name, level, "ab" * 16, f"{next(_numbers):016x}", parent, (origin + begin_us) * 1000, (origin + end_us) * 1000, attributes)
