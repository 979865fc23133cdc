"""Traces in the forms that browsers show: Chrome's trace events, and the event flow of the agents' `info evaluation eventflow`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Span

_PID = 1


def chrome_trace(spans: Sequence[Span]) -> str:
    """Returns spans as a trace for chrome://tracing and Perfetto: the JSON object format of the Trace Event Format, times in microseconds from the first.

    Complete events of one row have to lie within each other or apart. A span stands in its parent's row as long as it does; what runs beside, such as the
    batches that several threads compute at once, gets a row of its own.
    """
    origin = min((span.begin_ns for span in spans), default=0)
    rows = _rows(spans)
    events = [{"name": span.name, "cat": span.level.name, "ph": "X", "pid": _PID, "tid": rows[span.span_id], "ts": (span.begin_ns - origin) / 1e3,
               "dur": span.duration_us, "args": {**span.attributes, "span_id": span.span_id}}
              for span in sorted(spans, key=_order)]
    names = [("process_name", 0, "ngc-eval"), *(("thread_name", row, f"row {row}") for row in sorted(set(rows.values())))]
    metadata = [{"name": name, "ph": "M", "pid": _PID, "tid": row, "args": {"name": text}} for name, row, text in names]
    return json.dumps({"traceEvents": [*metadata, *events], "displayTimeUnit": "ms"})


def event_flow(spans: Iterable[Span]) -> dict[str, Any]:
    """Returns spans as the agents' events; ELAPSED_MS has microseconds there, in spite of its name, and so it does here."""
    return {"event_flow": [_event(span) for span in sorted(spans, key=_order)]}


def _event(span: Span) -> dict[str, Any]:
    meta = {"trace_level": span.level.name, **{key: _text(value) for key, value in span.attributes.items()}}
    begin = datetime.fromtimestamp(span.begin_ns // 1000 / 1e6, UTC)
    return {"EVENT_ID": span.span_id, "PARENT_ID": span.parent_id, "EVENT_NAME": span.name, "META": meta, "TS": begin.isoformat().replace("+00:00", "Z"),
            "ELAPSED_MS": round(span.duration_us)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _order(span: Span) -> tuple[int, int, TraceLevel]:
    """Sorts spans by begin, those around others before them."""
    return span.begin_ns, -span.end_ns, span.level


def _rows(spans: Sequence[Span]) -> Mapping[str, int]:
    """Returns the row of each span by its id: its parent's, or the first where nothing stands at that time."""
    rows: dict[str, int] = {}
    around: list[list[Span]] = []  # of each row, the spans that last at the present moment, outermost first
    for span in sorted(spans, key=_order):
        for row in (rows.get(span.parent_id, 0), *range(len(around) + 1)):
            if row == len(around):
                around.append([])
            present = around[row]
            while present and present[-1].end_ns <= span.begin_ns:
                present.pop()
            if not present or (present[-1].span_id == span.parent_id and span.end_ns <= present[-1].end_ns):
                present.append(span)
                rows[span.span_id] = row
                break
    return rows
