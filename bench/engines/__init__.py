"""The engines that are compared: each module builds a model and gives back a function that runs it once.

A module has `environments(job)`, the settings to choose from, each as variables that must be set before the engine is
imported, `prepare(job)`, which imports the engine and gives its version, and `build(job, x)`, which gives the function.
`worker` runs one of them in a process of its own; `bench.engines.process.Worker` is the other end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

ENGINES: dict[str, str] = {
    "ngc": "bench.engines.ngc",
    "mxnet": "bench.engines.mxnet",
    "onnxruntime": "bench.engines.onnxruntime",
    "openvino": "bench.engines.openvino",
}


@dataclass(frozen=True)
class Job:
    """What a worker measures.

    Attributes:
        engine: a key of `ENGINES`.
        prefix: the MXNet checkpoint.
        onnx: the same model for engines that do not read MXNet's files.
        shape: of the one input, `data`, batch included.
        input: .npy file of that input.
        precision: "fp32" or another that the engine may refuse.
        threads: how many the engine may use.
        cores: the processors that the worker is pinned to.
        setting: which of the engine's `environments`.
        environment: variables that take precedence over those of the setting, to measure an engine in another mode.
    """

    engine: str
    prefix: str
    onnx: str
    shape: tuple[int, ...]
    input: str
    precision: str
    threads: int
    cores: tuple[int, ...]
    setting: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


class NotOffered(Exception):
    """The engine has no such precision, or the benchmark no way to it."""


def only_fp32(job: Job) -> None:
    """Refuses all but fp32.

    Raises:
        NotOffered: the job asks for another precision.
    """
    if job.precision != "fp32":
        raise NotOffered(f"{job.engine} is compared in fp32 only, not in {job.precision}")
