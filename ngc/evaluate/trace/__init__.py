"""Traces of evaluations: OpenTelemetry spans at the agents' levels, in a file, in the store, at a collector, as pictures of browsers."""

from ngc.evaluate.trace.chrome import chrome_trace, event_flow
from ngc.evaluate.trace.files import read_trace
from ngc.evaluate.trace.tracer import Tracer

__all__ = ["Tracer", "chrome_trace", "event_flow", "read_trace"]
