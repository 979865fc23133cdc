"""Sends spans to an OpenTelemetry collector: OTLP over HTTP, as protobuf, in the background."""

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

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


def collector_processor(address: str) -> BatchSpanProcessor:
    """Returns what sends the spans of a provider to a collector.

    Args:
        address: http://host:4318, https://..., host:port or host.

    Raises:
        EvaluationError: that is no address.
    """
    return BatchSpanProcessor(_Collector(endpoint(address)), max_queue_size=_QUEUE)


def endpoint(address: str) -> str:
    """Returns the URL that traces are posted to.

    Raises:
        EvaluationError: the address is none of http or https.
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
        self._exporter = OTLPSpanExporter(endpoint=url, timeout=TIMEOUT_S)
        self._reasons = _Reasons()
        self._failed = False
        _exporter_logger.addFilter(self._reasons)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._failed:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._failed = True
            _logger.warning("the collector at %s takes no spans, they are not sent to it from here on: %s", self.url, self._reasons.first)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the package is half typed
        _exporter_logger.removeFilter(self._reasons)


class _Reasons(logging.Filter):
    """Keeps the first thing that the exporter says of a failure, and says none of it: the exporter returns only that it failed."""

    first = "no reason is known"

    def __init__(self) -> None:
        super().__init__()
        self._heard = False

    def filter(self, record: logging.LogRecord) -> bool:
        if not self._heard:
            self._heard, self.first = True, record.getMessage()
        return False
