"""Takes the spans that OpenTelemetry's SDK hands out when they end, and keeps them as records."""

import threading
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanContext, TraceFlags, format_span_id, format_trace_id

from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Span
from ngc.evaluate.trace.files import TraceFile

LEVEL = "trace_level"
"""The attribute that holds the name of a span's level."""


class Recorder(SpanProcessor):
    """Keeps finished spans until they are taken, and writes each to a file, if there is one."""

    def __init__(self, file: TraceFile | None) -> None:
        self._file = file
        self._finished: list[Span] = []
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        self.add(to_record(span), keep=True)

    def add(self, record: Span, *, keep: bool) -> None:
        """Writes a span to the file, if there is one, and keeps it if it is to be taken later."""
        if keep:
            with self._lock:
                self._finished.append(record)
        if self._file is not None:
            self._file.write([record])

    def take(self) -> tuple[Span, ...]:
        """Returns the spans that ended since the last call."""
        with self._lock:
            finished, self._finished = self._finished, []
        return tuple(finished)

    def shutdown(self) -> None:
        if self._file is not None:
            self._file.close()


def to_record(span: ReadableSpan) -> Span:
    """Returns a finished span of the SDK, made by a tracer of this package, as a record."""
    context, attributes = span.get_span_context(), dict[str, Any](span.attributes or {})
    assert context is not None
    assert span.start_time is not None
    assert span.end_time is not None
    level = TraceLevel[attributes.pop(LEVEL)]
    return Span(span.name, level, format_trace_id(context.trace_id), format_span_id(context.span_id),
                format_span_id(span.parent.span_id) if span.parent is not None else "", span.start_time, span.end_time, attributes)


def to_readable(span: Span, resource: Resource) -> ReadableSpan:
    """Returns a record as a finished span of the SDK, for exporters; the reverse of `to_record`."""

    def context(span_id: str) -> SpanContext:
        return SpanContext(int(span.trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(span.name, context(span.span_id), context(span.parent_id) if span.parent_id else None, resource,
                        {LEVEL: span.level.name, **span.attributes}, start_time=span.begin_ns, end_time=span.end_ns)
