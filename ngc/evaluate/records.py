"""What an evaluation leaves behind, as plain data: what the runner makes, the store keeps and the reports read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from ngc.evaluate.accuracy import Tally
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part

RUNNING, FINISHED, FAILED = "running", "finished", "failed"
"""States of an evaluation; one that was interrupted stays RUNNING until it is resumed."""

LOCAL, RAY = "local", "ray"
"""Where an engine computes: in this process, or in workers on a Ray cluster."""

PREDICT = "c_predict"
"""The name of the span around the computation of one batch, which reports of latency read; it is the agents' own."""

FEATURES = 5
"""Of how many classes a prediction keeps the probabilities, unless it was said: what top-5 accuracy can be found from."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where an evaluation ran. `memory` is in bytes; what cannot be found out is empty, or 0."""

    hostname: str
    architecture: str
    cpu: str
    cores: int
    memory: int
    system: str
    python: str
    features: tuple[str, ...] = ()
    gpu: str = ""
    gpu_driver: str = ""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One run of one model over inputs, with all that it takes to do it again.

    Attributes:
        mode: "dataset", "urls", "raw", "workload" or "max-qps".
        partition_list_size: inputs of a part.
        parts: how many parts there are; 0 where the mode has none.
        settings: the options, as JSON.
        fingerprint: a digest of all on which results depend: files of model and data, and options. What has the same can be resumed.
        error: why it failed.
        results: numbers of the modes that have no parts, such as {"qps": 105.2, "latency_ms": 93.1}.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    mode: str
    state: str
    model_name: str
    model_version: str
    framework_name: str
    framework_version: str
    dataset_category: str
    dataset_name: str
    target: str
    precision: str
    threads: int
    batch_size: int
    partition_list_size: int
    parts: int
    engine: str
    trace_level: TraceLevel
    machine: Machine
    fingerprint: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    results: Mapping[str, Any] = field(default_factory=dict)

    @property
    def using_gpu(self) -> bool:
        """Whether the target is a GPU."""
        return self.target.startswith("tensorrt")


@dataclass(frozen=True)
class Span:
    """One span of a trace; times in nanoseconds since the epoch."""

    name: str
    level: TraceLevel
    trace_id: str
    span_id: str
    parent_id: str
    begin_ns: int
    end_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_us(self) -> float:
        """Microseconds from begin to end."""
        return (self.end_ns - self.begin_ns) / 1e3

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON's types."""
        return {"name": self.name, "level": self.level.name, "trace_id": self.trace_id, "span_id": self.span_id, "parent_id": self.parent_id,
                "begin_ns": self.begin_ns, "end_ns": self.end_ns, "attributes": dict(self.attributes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Returns what `to_json` made JSON of, lists in attributes as tuples; KeyError, TypeError or ValueError where it is something else."""
        attributes = {str(key): tuple(value) if isinstance(value, list) else value for key, value in dict(data["attributes"]).items()}
        return cls(str(data["name"]), TraceLevel[data["level"]], str(data["trace_id"]), str(data["span_id"]), str(data["parent_id"]), int(data["begin_ns"]),
                   int(data["end_ns"]), attributes)


@dataclass(frozen=True)
class Prediction:
    """The answer to one input.

    Attributes:
        index: of the input in the data set.
        input_id: its file's name, or its key in a RecordIO file.
        expected: the class that the data set says, or None.
        features: the most probable classes and their probabilities, best first.
        error: why there is no answer; features are empty then.
    """

    index: int
    input_id: str
    expected: int | None
    features: tuple[tuple[int, float], ...]
    error: str = ""


@dataclass(frozen=True)
class PartResult:
    """What one part gave.

    Attributes:
        durations_us: computation of each batch, in microseconds, without decoding and preprocessing.
        tally: counts of right answers; inputs that failed are in no other count than its `failures`.
        predictions: one for each input, in order.
        spans: of this part's trace.
    """

    part: Part
    durations_us: tuple[float, ...]
    tally: Tally
    predictions: tuple[Prediction, ...] = ()
    spans: tuple[Span, ...] = ()
