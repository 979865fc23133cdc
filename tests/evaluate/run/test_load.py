"""The engine under load."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.load import Step, VirtualClock
from ngc.evaluate.run.load import Load, QueryServer, max_qps, workload
from ngc.evaluate.trace import Tracer
from tests.evaluate.run.doubles import Guesses

LOAD = Load(initial_qps=20_000, percentile=95, min_queries=60, min_duration_ms=1, batch_size=4, greedy=False, seed=3)


@dataclass
class Inputs:
    """Counts the inputs that queries make."""

    made: list[int] = field(default_factory=list)

    def __call__(self) -> np.ndarray:
        self.made.append(1)
        return np.zeros(3, np.float32)


def test_every_query_makes_its_input_and_is_answered() -> None:
    engine, inputs, advanced = Guesses(), Inputs(), list[int]()
    with Tracer(TraceLevel.MODEL_TRACE) as tracer:
        server = QueryServer(engine, inputs, tracer, advanced.append)
        server.warm_up(4)
        assert engine.batches == [4, 1]
        results = workload(LOAD, server)
        spans = tracer.drain()
    queries = results["queries"]
    assert queries >= 60
    assert len(inputs.made) == queries + 5
    assert sum(engine.batches) == sum(advanced) + 5 == queries + 5
    assert max(engine.batches) == 4
    assert [span.name for span in spans][:1] == ["warm_up"]
    assert spans[-1].name == "workload"
    assert {span.parent_id for span in spans if span.name == "c_predict"} == {spans[-1].span_id}
    assert results["offered_qps"] >= results["qps"] > 0
    assert results["latency_ms"] >= results["median_latency_ms"] > 0
    assert (results["percentile"], results["mean_batch"]) == (95, queries / math.ceil(queries / 4))


def test_the_same_seed_brings_the_same_queries() -> None:
    offered = [workload(LOAD, QueryServer(Guesses(), Inputs(), Tracer(TraceLevel.NO_TRACE)))["offered_qps"] for _ in range(2)]
    assert offered[0] == offered[1]


def test_a_maximum_is_the_best_step_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, steps = VirtualClock(), list[Step]()
    monkeypatch.setattr("ngc.evaluate.run.load.RealClock", lambda: clock)
    load = Load(initial_qps=100, percentile=95, min_queries=2000, min_duration_ms=1, batch_size=1, greedy=True, seed=0)
    results = max_qps(load, QueryServer(Guesses(lambda array: clock.advance(1e-3)), Inputs(), Tracer(TraceLevel.NO_TRACE)), 20, steps.append)
    assert 700 < results["qps"] < 1000  # the server is busy for all of the time at 1000
    assert [step["qps"] for step in results["steps"]] == [step.qps for step in steps]
    assert results["qps"] == max(step.qps for step in steps if step.verdict == "holds")
    assert (results["latency_bound_ms"], results["percentile"]) == (20, 95)
    assert results["latency_ms"] <= 20


def test_a_bound_below_the_computation_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"^the latency bound of 1e-06 ms can hold at no load"):
        max_qps(LOAD, QueryServer(Guesses(), Inputs(), Tracer(TraceLevel.NO_TRACE)), 1e-6, lambda step: None)
