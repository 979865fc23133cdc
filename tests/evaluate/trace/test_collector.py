"""Spans at a collector: OTLP over HTTP, decoded by a server of our own, and a collector that is not there."""

import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ngc.errors import EvaluationError
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.trace import Tracer, collector, read_trace
from ngc.evaluate.trace.collector import endpoint

APPLICATION, MODEL = TraceLevel.APPLICATION_TRACE, TraceLevel.MODEL_TRACE


class Collector:
    """A server that keeps what is posted to it, and answers with a status."""

    def __init__(self, status: int = 200) -> None:
        requests: list[tuple[str, str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                requests.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.requests = requests
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "Collector":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Returns what was logged as a warning or worse, by anyone."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_collector_gets_every_span(tmp_path: Path) -> None:
    with Collector() as server:
        with Tracer(MODEL, file=tmp_path / "trace.jsonl", otlp=server.address, resource={"model": "digits"}) as tracer:
            with tracer.span(APPLICATION, "evaluate"):
                for index in range(700):  # more than a batch of the exporter's
                    with tracer.span(MODEL, "c_predict", index=index, shape=(8, 1)):
                        pass
                with Tracer(MODEL, origin=tracer.origin) as other, other.span(MODEL, "c_predict", index=700, shape=(8, 1)):
                    pass
                tracer.adopt(other.drain(), drained=True)
            expected = tracer.drain()
        assert {(path, kind) for path, kind, _ in server.requests} == {("/v1/traces", "application/x-protobuf")}
        resources = [part for _, _, body in server.requests for part in ExportTraceServiceRequest.FromString(body).resource_spans]
    names = {attribute.key: attribute.value.string_value for attribute in resources[0].resource.attributes}
    assert (names["service.name"], names["model"]) == ("ngc-eval", "digits")
    spans = {span.span_id.hex(): span for part in resources for scope in part.scope_spans for span in scope.spans}
    assert len(spans) == len(expected) == 702
    for record in expected:
        span = spans[record.span_id]
        assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == (record.name, record.trace_id, record.parent_id)
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (record.begin_ns, record.end_ns)
        attributes = {attribute.key: attribute.value for attribute in span.attributes}
        assert attributes["trace_level"].string_value == record.level.name
        if record.name == "c_predict":
            assert attributes["index"].int_value == record.attributes["index"]
            assert [value.int_value for value in attributes["shape"].array_value.values] == [8, 1]
    assert tuple(read_trace(tmp_path / "trace.jsonl")) == expected


def test_a_collector_that_is_not_there_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "TIMEOUT_S", 0.2)
    with Collector() as server:
        address = server.address
    with Tracer(MODEL, file=tmp_path / "trace.jsonl", otlp=address) as tracer:
        for index in range(1500):
            with tracer.span(MODEL, "c_predict", index=index):
                pass
        assert len(tracer.drain()) == 1500
    assert [span.attributes["index"] for span in read_trace(tmp_path / "trace.jsonl")] == list(range(1500))
    assert warned(caplog) == [f"the collector at http://{address}/v1/traces takes no spans, none are sent to it from here on: [Errno 111] Connection refused"]


def test_a_collector_that_refuses_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Collector(status=400) as server:
        with Tracer(MODEL, file=tmp_path / "trace.jsonl", otlp=f"http://{server.address}") as tracer:
            for _ in range(1500):
                with tracer.span(MODEL, "c_predict"):
                    pass
        assert len(server.requests) == 1
    assert len(read_trace(tmp_path / "trace.jsonl")) == 1500
    assert warned(caplog) == [f"the collector at http://{server.address}/v1/traces takes no spans, none are sent to it from here on: "
                              "it answers 400 Bad Request"]


@pytest.mark.parametrize(("address", "url"), [
    ("collector", "http://collector:4318/v1/traces"),
    ("collector:9000", "http://collector:9000/v1/traces"),
    ("http://collector:4318", "http://collector:4318/v1/traces"),
    ("http://collector:4318/", "http://collector:4318/v1/traces"),
    ("https://collector", "https://collector:443/v1/traces"),
    ("https://collector/own/path", "https://collector:443/own/path"),
    ("[::1]:4318", "http://[::1]:4318/v1/traces"),
])  # fmt: skip
def test_addresses(address: str, url: str) -> None:
    assert endpoint(address) == url


@pytest.mark.parametrize("address", ["ftp://collector", "http://", "collector:port", "collector:99999", "[::1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(EvaluationError, match=r"^'.*' is no address of a collector[;:]"):
        endpoint(address)
    with pytest.raises(EvaluationError, match="is no address of a collector"):
        Tracer(MODEL, otlp=address)
