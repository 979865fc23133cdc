"""The tracer of an evaluation: spans with OpenTelemetry's SDK, which keeps no state of the process here."""

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import Token
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import INVALID_SPAN, Span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ngc import __version__
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import Span as SpanRecord
from ngc.evaluate.trace.files import TraceFile
from ngc.evaluate.trace.layers import layers_of
from ngc.evaluate.trace.recorder import LEVEL, Recorder, to_readable

if TYPE_CHECKING:  # reading traces loads no compiler
    from ngc.runtime.profile import Profile

_NO_SPAN = nullcontext(INVALID_SPAN)
"""What stands for every span that is not traced: entering and leaving it does nothing, and so do the methods of what it gives."""


_w3c = TraceContextTextMapPropagator()

_TRACEPARENT = "traceparent"
"""The field of the W3C's Trace Context that holds the ids of a trace and of a span."""


class Tracer:
    """Traces one evaluation. All its spans have one trace id; spans nest by context, also over `await`, but not into threads that are started within.

        with Tracer(TraceLevel.MODEL_TRACE, file=Path("trace.jsonl")) as tracer:
            with tracer.span(TraceLevel.APPLICATION_TRACE, "evaluate"):
                with tracer.span(TraceLevel.MODEL_TRACE, "c_predict", batch_size=8) as span:
                    ...
    """

    def __init__(self, level: TraceLevel, *, file: Path | None = None, otlp: str = "", resource: Mapping[str, Any] | None = None,
                 origin: str = "") -> None:
        """Opens what the spans go to; nothing is opened for NO_TRACE.

        Args:
            level: the last level that is traced.
            file: spans are added to it as they end; see `ngc.evaluate.trace.files`.
            otlp: the address of a collector, http://host:4318 or host:port; one that takes no spans is warned of once.
            resource: attributes of all spans that a collector gets, such as the model's name.
            origin: the `origin` of a tracer in another process, whose trace this one's spans are to be in, under the span that was open there.

        Raises:
            EvaluationError: the file cannot be written, or the address is none.
        """
        self.level = level
        self._key = otel_context.create_key("ngc.evaluate")
        self._provider: TracerProvider | None = None
        self._root = _w3c.extract({_TRACEPARENT: origin}, Context()) if origin else Context()
        if level == TraceLevel.NO_TRACE:
            return
        url = ""
        self._collector = None
        if otlp:
            from ngc.evaluate.trace.collector import collector_processor, endpoint  # brings an HTTP client along

            url = endpoint(otlp)
        self._recorder = Recorder(TraceFile(file) if file is not None else None)
        named = Resource.create({"service.name": "ngc-eval", "service.version": __version__, **_attributes(resource or {})})
        # The command's own level decides what is traced; samplers and limits from the environment are for services.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=named, shutdown_on_exit=False, id_generator=_Ids(),
                                        span_limits=SpanLimits(max_span_attributes=SpanLimits.UNSET, max_span_attribute_length=SpanLimits.UNSET))
        self._resource = named
        if url:
            self._collector = collector_processor(url)
            self._provider.add_span_processor(self._collector)
        self._provider.add_span_processor(self._recorder)
        self._tracer = self._provider.get_tracer("ngc.evaluate", __version__)

    def span(self, level: TraceLevel, name: str, **attributes: Any) -> AbstractContextManager[Span]:
        """Returns the context manager of a span, which gives OpenTelemetry's span; one that does nothing where the level is not traced.

        An exception that leaves the span becomes its attribute `error`.
        """
        if level > self.level:
            return _NO_SPAN
        return _Open(self, level, name, attributes)

    def record(self, level: TraceLevel, name: str, begin_ns: int, end_ns: int, **attributes: Any) -> None:
        """Adds a span that is over, under the current span: for what another thread did, or what is known only afterwards.

        Args:
            begin_ns, end_ns: as of `time.time_ns()`.
        """
        if level <= self.level:
            around = self._around()
            self._add(around.context if around is not None else self._root, level, name, begin_ns, end_ns, attributes)

    def layers(self, profile: "Profile", begin_ns: int) -> None:
        """Adds a span of FRAMEWORK_TRACE for each kernel call of a traced run (`Executable.run_traced`) under the current span, which is to be that of the run.

        It ends where the run ended: making a profile of stamps, and spans of a profile, is nothing that a batch takes without being traced.

        Args:
            begin_ns: `time.time_ns()` just before the run.
        """
        if self.level < TraceLevel.FRAMEWORK_TRACE:
            return
        around = self._around()
        if around is None:
            self._add_layers(self._root, profile, begin_ns)
        else:
            around.profiles.append((profile, begin_ns))
            around.end_ns = begin_ns + round(profile.total_ms * 1e6)

    @property
    def origin(self) -> str:
        """What a tracer in another process goes on from: the ids of this trace and of the open span, as W3C's `traceparent`; empty without an open span."""
        around = self._around()
        carrier: dict[str, str] = {}
        if around is not None:
            _w3c.inject(carrier, around.context)
        return carrier.get(_TRACEPARENT, "")

    def adopt(self, spans: Iterable[SpanRecord], *, drained: bool) -> None:
        """Sends spans of another process's tracer, which goes on from this one, to the file and the collector.

        Args:
            drained: whether `drain` returns them too; where they are recorded elsewhere it is not to.
        """
        if self._provider is None:
            return
        for span in spans:
            self._recorder.add(span, keep=drained)
            if self._collector is not None:
                self._collector.on_end(to_readable(span, self._resource))

    def drain(self) -> tuple[SpanRecord, ...]:
        """Returns the spans that ended since the last call, in the order of their ends."""
        return self._recorder.take() if self._provider is not None else ()

    def close(self) -> None:
        """Sends what a collector is still to get, and closes the file. Spans that end later are lost."""
        if self._provider is not None:
            self._provider.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _around(self) -> "_Open | None":
        """Returns the current span of this tracer."""
        around: _Open | None = otel_context.get_value(self._key)  # type: ignore[assignment]
        return around

    def _add(self, context: Context, level: TraceLevel, name: str, begin_ns: int, end_ns: int, attributes: Mapping[str, Any]) -> None:
        self._tracer.start_span(name, context, attributes=_attributes({LEVEL: level.name, **attributes}), start_time=begin_ns).end(end_ns)

    def _add_layers(self, context: Context, profile: "Profile", begin_ns: int) -> None:
        for layer in layers_of(profile, begin_ns):
            self._add(context, TraceLevel.FRAMEWORK_TRACE, layer.name, layer.begin_ns, layer.end_ns, layer.attributes)


class _Open(AbstractContextManager[Span]):
    """A span that is traced, from its begin to its end."""

    def __init__(self, tracer: Tracer, level: TraceLevel, name: str, attributes: Mapping[str, Any]) -> None:
        self._tracer, self._name = tracer, name
        self._attributes = _attributes({LEVEL: level.name, **attributes})
        self.profiles: list[tuple[Profile, int]] = []
        self.end_ns: int | None = None

    def __enter__(self) -> Span:
        around = self._tracer._around()
        self._span = self._tracer._tracer.start_span(self._name, around.context if around is not None else self._tracer._root, attributes=self._attributes)
        self.context: Context = set_span_in_context(self._span, Context())
        self._token: Token[Context] = otel_context.attach(otel_context.set_value(self._tracer._key, self))
        return self._span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._span.set_attribute("error", f"{type(error).__name__}: {error}")
        otel_context.detach(self._token)
        self._span.end(self.end_ns)
        for profile, begin_ns in self.profiles:
            self._tracer._add_layers(self.context, profile, begin_ns)


class _Ids(IdGenerator):
    """Ids of the system's random numbers: a program's own seed of `random` repeats none of them. One tracer makes one trace."""

    def __init__(self) -> None:
        self._trace_id = _random_id(16)

    def generate_span_id(self) -> int:
        return _random_id(8)

    def generate_trace_id(self) -> int:
        return self._trace_id

    def is_trace_id_random(self) -> bool:
        return True


def _random_id(size: int) -> int:
    """Returns a number of `size` bytes; zero, which means none, is left out."""
    return int.from_bytes(os.urandom(size)) or 1


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values as types that OpenTelemetry takes: numpy's numbers as Python's, sequences as tuples, others as text; None is left out."""
    return {key: _attribute(value) for key, value in values.items() if value is not None}


def _attribute(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_attribute, value))
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, bool | int | float | str) else str(value)
