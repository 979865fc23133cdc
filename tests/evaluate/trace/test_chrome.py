"""Traces for browsers: the Trace Event Format, and the agents' event flow."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Span
from ngc.evaluate.trace import chrome_trace, event_flow
from tests.evaluate.trace.spans import make_span


def events(spans: list[Span]) -> list[dict[str, Any]]:
    """Returns the complete events of a trace, whose form is checked."""
    trace = json.loads(chrome_trace(spans))
    assert set(trace) == {"traceEvents", "displayTimeUnit"}
    metadata = [event for event in trace["traceEvents"] if event["ph"] == "M"]
    work = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert trace["traceEvents"] == [*metadata, *work]
    assert [event["name"] for event in metadata] == ["process_name"] + ["thread_name"] * len({event["tid"] for event in work})
    for event in work:
        assert set(event) == {"name", "cat", "ph", "pid", "tid", "ts", "dur", "args"}
        assert (type(event["pid"]), type(event["tid"]), type(event["ts"]), type(event["dur"])) == (int, int, float, float)
        assert event["ts"] >= 0
        assert event["dur"] >= 0
    return work


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """Draws spans of which children lie beside each other or over each other, within their parents; what another thread did may have begun before."""
    spans = []
    for _ in range(draw(st.integers(0, 12))):
        parent = draw(st.sampled_from([None, *spans]))
        low, high = (0, 40) if parent is None else ((parent.begin_ns - ORIGIN) // 1000, (parent.end_ns - ORIGIN) // 1000)
        begin = draw(st.integers(max(0, low - 5), high))
        spans.append(make_span(begin, draw(st.integers(begin, high)), parent.span_id if parent is not None else ""))
    return draw(st.permutations(spans))


ORIGIN = make_span(0, 0).begin_ns


@given(spans=traces())
def test_what_shares_a_row_is_nested_in_its_parents_or_apart(spans: list[Span]) -> None:
    work = events(spans)
    assert sorted(event["args"]["span_id"] for event in work) == sorted(span.span_id for span in spans)
    by_id, rows = {span.span_id: span for span in spans}, {event["args"]["span_id"]: event["tid"] for event in work}
    for one in spans:
        for other in spans:
            if one is other or rows[one.span_id] != rows[other.span_id] or one.end_ns <= other.begin_ns or other.end_ns <= one.begin_ns:
                continue
            ancestors = {id for span in (one, other) for id in ancestry(span, by_id)}
            assert one.span_id in ancestors or other.span_id in ancestors
    first = min((span.begin_ns for span in spans), default=0)
    for event in work:
        span = by_id[event["args"]["span_id"]]
        assert (event["ts"], event["dur"]) == ((span.begin_ns - first) / 1e3, span.duration_us)


def ancestry(span: Span, by_id: dict[str, Span]) -> list[str]:
    """Returns the ids of a span's parent, its parent's and so on."""
    return [span.parent_id, *ancestry(by_id[span.parent_id], by_id)] if span.parent_id else []


def test_batches_side_by_side_have_rows_of_their_own() -> None:
    root = make_span(0, 100, name="evaluate", level=TraceLevel.APPLICATION_TRACE)
    first, second, third = (make_span(begin, begin + 30, root.span_id, name="c_predict", batch_size=8) for begin in (0, 20, 40))
    layer = make_span(25, 30, second.span_id, name="conv0", level=TraceLevel.FRAMEWORK_TRACE)
    work = events([layer, first, second, third, root])
    assert [(event["name"], event["cat"], event["tid"], event["ts"], event["dur"]) for event in work] == [
        ("evaluate", "APPLICATION_TRACE", 0, 0, 100), ("c_predict", "MODEL_TRACE", 0, 0, 30), ("c_predict", "MODEL_TRACE", 1, 20, 30),
        ("conv0", "FRAMEWORK_TRACE", 1, 25, 5), ("c_predict", "MODEL_TRACE", 0, 40, 30)]
    assert work[1]["args"] == {"batch_size": 8, "span_id": first.span_id}


def test_an_empty_trace_is_one() -> None:
    assert events([]) == []
    assert event_flow([]) == {"event_flow": []}


def test_an_event_flow_has_the_agents_fields() -> None:
    root = make_span(1500, 4000, name="evaluate", level=TraceLevel.APPLICATION_TRACE, model="digits")
    predict = make_span(2000, 2750, root.span_id, name="c_predict", batch_size=8, shape=(8, 1))
    assert event_flow([predict, root]) == {"event_flow": [
        {"EVENT_ID": root.span_id, "PARENT_ID": "", "EVENT_NAME": "evaluate", "META": {"trace_level": "APPLICATION_TRACE", "model": "digits"},
         "TS": "2026-01-01T00:00:00.001500Z", "ELAPSED_MS": 2500},
        {"EVENT_ID": predict.span_id, "PARENT_ID": root.span_id, "EVENT_NAME": "c_predict",
         "META": {"trace_level": "MODEL_TRACE", "batch_size": "8", "shape": "[8, 1]"}, "TS": "2026-01-01T00:00:00.002000Z", "ELAPSED_MS": 750}]}
