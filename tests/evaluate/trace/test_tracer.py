"""The tracer: what is traced at which level, how spans nest, what their records say."""

import random
import threading
import time
from pathlib import Path

import numpy as np
import opentelemetry.trace
import pytest

import ngc
from examples.digits_network import KEPT
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import PREDICT, Span
from ngc.evaluate.trace import Tracer, read_trace
from ngc.runtime import Executable
from tests.evaluate.trace.spans import make_span

APPLICATION, MODEL, FRAMEWORK, FULL = TraceLevel.APPLICATION_TRACE, TraceLevel.MODEL_TRACE, TraceLevel.FRAMEWORK_TRACE, TraceLevel.FULL_TRACE


@pytest.fixture(scope="module")
def executable() -> Executable:
    return ngc.compile(str(KEPT), shapes={"data": ("N", 1, 8, 8)}, threads=1)


def by_name(spans: tuple[Span, ...]) -> dict[str, Span]:
    return {span.name: span for span in spans}


def test_spans_nest_and_end_from_within() -> None:
    with Tracer(MODEL) as tracer:
        with tracer.span(APPLICATION, "evaluate", model="digits"), tracer.span(APPLICATION, "part", index=3), tracer.span(MODEL, PREDICT, batch_size=8):
            pass
        with tracer.span(APPLICATION, "again"):
            pass
        spans = tracer.drain()
    assert [span.name for span in spans] == ["c_predict", "part", "evaluate", "again"]
    predict, part, evaluate, again = spans
    assert (predict.parent_id, part.parent_id, evaluate.parent_id, again.parent_id) == (part.span_id, evaluate.span_id, "", "")
    assert evaluate.begin_ns <= part.begin_ns <= predict.begin_ns <= predict.end_ns <= part.end_ns <= evaluate.end_ns <= again.begin_ns
    assert [span.level for span in spans] == [MODEL, APPLICATION, APPLICATION, APPLICATION]
    assert [dict(span.attributes) for span in spans] == [{"batch_size": 8}, {"index": 3}, {"model": "digits"}, {}]
    assert len({span.trace_id for span in spans}) == 1  # one evaluation, one trace
    assert len({span.span_id for span in spans}) == 4


@pytest.mark.parametrize("level", TraceLevel)
def test_a_level_has_what_those_before_it_have(level: TraceLevel) -> None:
    with Tracer(level) as tracer:
        for wanted in list(TraceLevel)[1:]:
            with tracer.span(wanted, wanted.name):
                pass
        assert [span.level for span in tracer.drain()] == [wanted for wanted in TraceLevel if TraceLevel.NO_TRACE < wanted <= level]


def test_what_is_not_traced_is_one_object_that_does_nothing(tmp_path: Path) -> None:
    off, model = Tracer(TraceLevel.NO_TRACE, file=tmp_path / "trace.jsonl", otlp="localhost:1"), Tracer(MODEL)
    nothing = off.span(APPLICATION, "a", index=1)
    assert nothing is off.span(MODEL, "b") is model.span(FRAMEWORK, "c")
    with nothing as span, nothing:
        span.set_attribute("key", 1)
        assert not span.is_recording()
    assert off.drain() == model.drain() == ()
    assert not (tmp_path / "trace.jsonl").exists()
    off.close()
    model.close()


def test_spans_are_drained_once() -> None:
    with Tracer(MODEL) as tracer:
        with tracer.span(MODEL, "first"):
            assert tracer.drain() == ()
        assert [span.name for span in tracer.drain()] == ["first"]
        assert tracer.drain() == ()
        with tracer.span(MODEL, "second"):
            pass
        assert [span.name for span in tracer.drain()] == ["second"]


def test_attributes_are_numbers_texts_and_sequences() -> None:
    with Tracer(MODEL) as tracer:
        with tracer.span(MODEL, "span", count=np.int64(3), rate=np.float32(0.5), path=Path("a/b"), shape=[1, np.int32(2)], nothing=None, yes=True) as span:
            span.set_attribute("later", "set")
        attributes = tracer.drain()[0].attributes
    assert attributes == {"count": 3, "rate": 0.5, "path": "a/b", "shape": (1, 2), "yes": True, "later": "set"}
    assert type(attributes["count"]) is int


def test_many_attributes_and_long_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's own limit is 128; limits and samplers in the environment are for services."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    many = {f"key{index}": "long " * 50 for index in range(200)}
    with Tracer(MODEL) as tracer:
        with tracer.span(MODEL, "span", **many):
            pass
        assert tracer.drain()[0].attributes == many


def test_an_exception_is_told_and_goes_on() -> None:
    with Tracer(MODEL) as tracer:
        with pytest.raises(ValueError, match=r"^broken$"), tracer.span(APPLICATION, "outer"), tracer.span(MODEL, "inner"):
            raise ValueError("broken")
        assert {name: span.attributes for name, span in by_name(tracer.drain()).items()} == {
            "inner": {"error": "ValueError: broken"}, "outer": {"error": "ValueError: broken"}}
        with tracer.span(MODEL, "next"):
            pass
        assert tracer.drain()[0].parent_id == ""


def test_tracers_do_not_meet() -> None:
    """Neither each other, nor the provider of the process, nor a span of its."""
    provider = opentelemetry.trace.get_tracer_provider()
    with Tracer(MODEL) as one, Tracer(MODEL) as two:
        with one.span(MODEL, "a"), two.span(MODEL, "b"):
            assert not opentelemetry.trace.get_current_span().is_recording()
        first, second = one.drain()[0], two.drain()[0]
    assert (first.name, second.name, second.parent_id) == ("a", "b", "")
    assert first.trace_id != second.trace_id
    assert opentelemetry.trace.get_tracer_provider() is provider


def test_ids_do_not_depend_on_a_programs_seed() -> None:
    ids = []
    for _ in range(2):
        random.seed(1)
        with Tracer(MODEL) as tracer:
            with tracer.span(MODEL, "span"):
                pass
            ids.append(tracer.drain()[0].span_id)
    assert ids[0] != ids[1]


def test_threads_trace_side_by_side() -> None:
    def work(index: int) -> None:
        with tracer.span(MODEL, f"outer {index}"):
            for _ in range(20):
                with tracer.span(MODEL, f"inner {index}"):
                    pass

    with Tracer(MODEL) as tracer:
        threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spans = tracer.drain()
    outer = by_name(tuple(span for span in spans if span.name.startswith("outer")))
    assert (len(outer), len(spans)) == (4, 84)
    assert all(span.parent_id == outer[span.name.replace("inner", "outer")].span_id for span in spans if span.name.startswith("inner"))


def test_a_span_that_is_over_is_recorded_where_it_belongs(tmp_path: Path) -> None:
    with Tracer(MODEL, file=tmp_path / "trace.jsonl") as tracer:
        with tracer.span(APPLICATION, "part"):
            tracer.record(APPLICATION, "read", 1000, 3000, count=np.int64(8))
            tracer.record(FRAMEWORK, "not traced", 1000, 3000)
        tracer.record(MODEL, "alone", 5, 6)
        read, part, alone = tracer.drain()
    assert (read.name, read.level, read.parent_id, read.begin_ns, read.end_ns, read.attributes) == ("read", APPLICATION, part.span_id, 1000, 3000, {"count": 8})
    assert (alone.name, alone.parent_id) == ("alone", "")
    with Tracer(TraceLevel.NO_TRACE) as off:
        off.record(APPLICATION, "read", 1000, 3000)
        assert off.drain() == ()


# -- layers ------------------------------------------------------------------------------------------------------------


def test_a_tracer_of_another_process_goes_on(tmp_path: Path) -> None:
    with Tracer(MODEL, file=tmp_path / "trace.jsonl") as tracer:
        assert tracer.origin == ""
        with tracer.span(APPLICATION, "evaluate"):
            with Tracer(MODEL, origin=tracer.origin) as other:
                with other.span(APPLICATION, "warm_up"):
                    pass
                first = other.drain()
                with other.span(APPLICATION, "part"), other.span(MODEL, PREDICT, batch_size=2, names=["a", "b"]):
                    pass
                other.record(APPLICATION, "preprocess", 1, 2)
                second = other.drain()
            tracer.adopt(first, drained=True)
            tracer.adopt(second, drained=False)
        spans = tracer.drain()
    assert [span.name for span in spans] == ["warm_up", "evaluate"]
    evaluate = spans[-1]
    predict, part, preprocess = second
    assert [span.parent_id for span in (*first, part, preprocess, predict)] == [*[evaluate.span_id] * 3, part.span_id]
    assert {span.trace_id for span in (*first, *second)} == {evaluate.trace_id}
    assert read_trace(tmp_path / "trace.jsonl") == [*first, *second, evaluate]


def test_nothing_goes_on_from_what_is_not_traced() -> None:
    with Tracer(TraceLevel.NO_TRACE) as tracer, tracer.span(APPLICATION, "evaluate"):
        assert tracer.origin == ""
        tracer.adopt([make_span(0, 1)], drained=True)
        assert tracer.drain() == ()


def test_the_layers_of_a_run_stand_under_its_span(executable: Executable, tmp_path: Path) -> None:
    with Tracer(FULL, file=tmp_path / "trace.jsonl") as tracer:
        with tracer.span(MODEL, PREDICT):
            begin = time.time_ns()
            _, profile = executable.run_traced({"data": np.ones((3, 1, 8, 8), np.float32)})
            tracer.layers(profile, begin)
        spans = tracer.drain()
    predict, *layers = spans
    assert (predict.name, predict.end_ns) == (PREDICT, begin + round(profile.total_ms * 1e6))  # making spans of the layers is no part of it
    assert {(layer.level, layer.parent_id, layer.trace_id) for layer in layers} == {(FRAMEWORK, predict.span_id, predict.trace_id)}
    assert [layer.attributes["layer_index"] for layer in layers] == list(range(len(executable.program.calls)))
    assert [layer.name for layer in layers] == [call.node for call in executable.program.calls]
    assert layers[0].begin_ns >= predict.begin_ns
    last = layers[-1].attributes
    assert (last["layer_name"], last["layer_type"], last["layer_shape"]) == ("digits_dense0_fwd", "dense", "f32[3,10]")
    assert last["layer_sources"] == ("digits_dense0_fwd",)
    assert last["layer_flops"] == 3 * 2 * 64 * 10
    assert last["layer_allocated_bytes"] == 0  # the answer lies in the caller's array
    assert layers[-2].attributes["layer_allocated_bytes"] == 3 * 64 * 4  # the pooled features
    assert tuple(read_trace(tmp_path / "trace.jsonl")) == spans


def test_a_layer_lasts_from_the_first_threads_start_to_the_last_ones_end(executable: Executable) -> None:
    _, profile = executable.run_traced({"data": np.ones((1, 1, 8, 8), np.float32)})
    spans = ((0, 0, 1.0, 2.0), (1, 0, 0.5, 1.0), (0, 2, 4.0, 0.25), (1, 2, 4.5, 1.0))  # the second kernel was not run
    with Tracer(FRAMEWORK) as tracer:
        tracer.layers(type(profile)(profile.kernels, 1.0, 1, 2, 1, spans), 1_000_000)
        layers = tracer.drain()
    assert [(layer.attributes["layer_index"], layer.begin_ns, layer.end_ns, layer.parent_id) for layer in layers] == [
        (0, 1_000_500, 1_003_000, ""), (2, 1_004_000, 1_005_500, "")]


def test_below_the_framework_there_are_no_layers(executable: Executable) -> None:
    _, profile = executable.run_traced({"data": np.ones((1, 1, 8, 8), np.float32)})
    with Tracer(MODEL) as tracer:
        with tracer.span(MODEL, PREDICT):
            tracer.layers(profile, time.time_ns())
        assert len(tracer.drain()) == 1
