"""The modes that put a load on the engine: queries at random times, and the largest rate of them under a bound of latency."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.load import RealClock, Replay, Step, arrivals, find_max_qps, replay
from ngc.evaluate.records import PREDICT
from ngc.evaluate.run.engine import Engine
from ngc.evaluate.trace import Tracer


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked of the engine.

    Attributes:
        initial_qps: queries a second; where a maximum is searched for, those of the first step.
        percentile: of latencies, in percent.
        min_duration_ms: how long queries arrive at least.
        batch_size: most queries of a batch.
        greedy: whether a batch is what waits when the engine is free, not what fills it.
        seed: of the arrivals.
    """

    initial_qps: float
    percentile: float
    min_queries: int
    min_duration_ms: float
    batch_size: int
    greedy: bool
    seed: int


@dataclass(frozen=True)
class QueryServer:
    """Answers queries with an engine; each prepares its own input, as the agents' do.

    Attributes:
        prepare: makes one input of what a query brings.
        advance: told how many queries were answered.
    """

    engine: Engine
    prepare: Callable[[], np.ndarray]
    tracer: Tracer
    advance: Callable[[int], None] = lambda queries: None

    def serve(self, count: int) -> None:
        """Computes one batch."""
        array = np.stack([self.prepare() for _ in range(count)])
        with self.tracer.span(TraceLevel.MODEL_TRACE, PREDICT, batch_size=count):
            self.engine.predict(array)
        self.advance(count)

    def warm_up(self, batch_size: int) -> None:
        """Computes a full batch and one of a single query, of which nothing is kept but one span."""
        with self.tracer.span(TraceLevel.APPLICATION_TRACE, "warm_up"):
            for count in (batch_size, 1):
                self.engine.predict(np.stack([self.prepare() for _ in range(count)]))


def workload(load: Load, server: QueryServer) -> dict[str, Any]:
    """Returns what a load of Poisson arrivals measured, as JSON: rates in queries a second, latencies in milliseconds.

    Raises:
        EvaluationError: the load is impossible.
    """
    times = arrivals(load.initial_qps, min_queries=load.min_queries, min_duration_s=load.min_duration_ms / 1e3, seed=load.seed)
    with server.tracer.span(TraceLevel.APPLICATION_TRACE, "workload", queries=len(times)):
        measured = _replay(times, load, server)
    return {"queries": len(times), "offered_qps": measured.offered_qps, "qps": measured.qps, "percentile": load.percentile,
            "latency_ms": measured.percentile(load.percentile) * 1e3, "median_latency_ms": measured.percentile(50) * 1e3,
            "mean_batch": float(measured.sizes.mean()), "mean_service_ms": float(measured.services.mean()) * 1e3}


def max_qps(load: Load, server: QueryServer, latency_bound_ms: float, report: Callable[[Step], None]) -> dict[str, Any]:
    """Returns the largest load whose percentile latency is within a bound, and the steps that led to it, as JSON.

    Raises:
        EvaluationError: the load or the bound is impossible.
    """
    begin = time.perf_counter()
    with server.tracer.span(TraceLevel.APPLICATION_TRACE, "max-qps", latency_bound_ms=latency_bound_ms):
        found = find_max_qps(lambda times: _replay(times, load, server), initial_qps=load.initial_qps, percentile=load.percentile,
                             latency_bound_ms=latency_bound_ms, min_queries=load.min_queries, min_duration_ms=load.min_duration_ms, seed=load.seed,
                             report=report)
    steps = [{"qps": step.qps, "latency_ms": step.latency_ms, "verdict": str(step.verdict), "seed": step.seed} for step in found.steps]
    return {"qps": found.qps, "latency_ms": found.latency_ms, "percentile": load.percentile, "latency_bound_ms": latency_bound_ms,
            "seconds": time.perf_counter() - begin, "steps": steps}


def _replay(times: "np.ndarray", load: Load, server: QueryServer) -> Replay:
    return replay(times, server, RealClock(), load.batch_size, greedy=load.greedy)
