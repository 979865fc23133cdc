"""Sends spans to an OpenTelemetry collector: OTLP over HTTP, as protobuf, in the background."""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from ngc.errors import EvaluationError

_logger = logging.getLogger(__name__)
_exporter_logger = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")

PORT = 4318
"""OTLP's port for HTTP (OpenTelemetry Protocol 1.x, "OTLP/HTTP Default Port")."""

PATH = "/v1/traces"
"""OTLP's path for traces (same document, "OTLP/HTTP Request")."""

TIMEOUT_S = 5.0
"""How long a collector may take for one batch of spans, with all attempts; at the end of an evaluation nobody wants to wait for longer."""

_QUEUE = 1 << 16
"""Spans that may wait for the collector: some hundred batches of a deep network with its layers."""


def collector_processor(url: str) -> BatchSpanProcessor:
    """Returns what sends the spans of a provider to a collector's endpoint."""
    return BatchSpanProcessor(_Collector(url), max_queue_size=_QUEUE)


def endpoint(address: str) -> str:
    """Returns the URL that traces are posted to.

    Args:
        address: of a collector: http://host:4318, https://host, host:port or host; a path, where it has one, is the endpoint's.

    Raises:
        EvaluationError: that is no address.
    """
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or (PORT if parts.scheme == "http" else 443)
    except ValueError as error:
        raise EvaluationError(f"{address!r} is no address of a collector: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EvaluationError(f"{address!r} is no address of a collector; accepted are http://host:{PORT}, https://host and host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/') if parts.path not in ('', '/') else PATH}"


class _Collector(SpanExporter):
    """Sends spans until the collector takes none: says so once, and sends nothing more, so that an evaluation neither waits nor repeats itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = _Session()
        self._exporter = OTLPSpanExporter(endpoint=url, timeout=TIMEOUT_S, session=self._session)
        self._failed = False
        _exporter_logger.addFilter(self._silent)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._failed:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._failed = True
            _logger.warning("the collector at %s takes no spans, none are sent to it from here on: %s", self.url, self._session.failure)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the package is half typed
        _exporter_logger.removeFilter(self._silent)

    def _silent(self, record: logging.LogRecord) -> bool:
        """Leaves out what the exporter says of every attempt."""
        return False


class _Session(requests.Session):
    """Keeps why the last request failed: the exporter only tells that it did."""

    failure = ""

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        try:
            response = super().request(*arguments, **options)
        except requests.RequestException as error:
            self.failure = _root_cause(error)
            raise
        if not response.ok:
            self.failure = f"it answers {response.status_code} {response.reason}"
        return response


def _root_cause(error: BaseException) -> str:
    """Returns what the system said: requests wraps errors of urllib3, which wrap those of sockets."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error)
