"""The engines that are compared: each module compiles a model and gives back a function that runs it once.

A module has
  `environments(job)`: the settings to choose from, each as variables that must be set before the engine is imported;
  `prepare(job)`: imports the engine and gives its version;
  `compile_model(job)`: the model from the files that the job names;
  `runner(job, model, feeds)`: a function that runs the model once on arrays by its inputs' names and returns its outputs, which the next run may overwrite;
and, where the engine can keep a compiled model, `save(job, model, path)` and `load(job, path)`, which gives the model back.
`worker` runs one of them in a process of its own; `bench.engines.process.Worker` is the other end.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

ENGINES: dict[str, str] = {
    "ngc": "bench.engines.ngc",
    "mxnet": "bench.engines.mxnet",
    "onnxruntime": "bench.engines.onnxruntime",
    "openvino": "bench.engines.openvino",
    "torch": "bench.engines.torch",
}
"""Engines and their modules. An engine is named as its Python package is."""

_OPTIONAL = ("torch",)
"""Engines that belong to no environment of this project's making: large, and with requirements of their own."""


@dataclass(frozen=True)
class Job:
    """What a worker measures.

    Attributes:
        engine: a key of `ENGINES`.
        prefix: the MXNet checkpoint.
        onnx: the same model for engines that do not read MXNet's files.
        shapes: of the inputs by their names, batch included.
        inputs: .npz file of them.
        precision: "fp32" or another that the engine may refuse.
        threads: how many the engine may use.
        cores: the processors that the worker is pinned to.
        setting: which of the engine's `environments`.
        environment: variables that take precedence over those of the setting, to measure an engine in another mode.
        artifact: the compiled model to load; "" where the model is to be compiled.
        calibration: .npy file of images to calibrate on, for int8.
        quantized: stem of the engine's int8 model, for one that does not quantize while it compiles.
        dtypes: numpy's names of the inputs' element types that are not float32.
    """

    engine: str
    prefix: str
    onnx: str
    shapes: Mapping[str, tuple[int, ...]]
    inputs: str
    precision: str
    threads: int
    cores: tuple[int, ...]
    setting: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    artifact: str = ""
    calibration: str = ""
    quantized: str = ""
    dtypes: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first input, the only one of an image classifier."""
        return next(iter(self.shapes.values()))

    @classmethod
    def parse(cls, text: str) -> "Job":
        """Returns the job whose fields a JSON object holds."""
        fields = json.loads(text)
        shapes = {name: tuple(shape) for name, shape in fields["shapes"].items()}
        return cls(**{**fields, "shapes": shapes, "cores": tuple(fields["cores"])})


class NotOffered(Exception):
    """The engine is not there, has no such precision, or the benchmark no way to it."""


def check_precision(job: Job, *offered: str) -> None:
    """Refuses all but the named precisions.

    Raises:
        NotOffered: the job asks for another one.
    """
    if job.precision not in offered:
        raise NotOffered(f"{job.engine} is compared in {' and '.join(offered)} only, not in {job.precision}")


def interpreter_variable(engine: str) -> str:
    """Returns the environment variable that names the Python which runs an engine, for one that has an environment of its own."""
    return f"NGC_BENCH_{engine.upper()}_PYTHON"


def interpreter(engine: str) -> str:
    """Returns the Python that runs an engine: this one unless the environment names another."""
    return os.environ.get(interpreter_variable(engine), sys.executable)


def default_engines() -> list[str]:
    """Returns the engines that are compared unless others are asked for: all but optional ones that are not there."""
    return [name for name in ENGINES if name not in _OPTIONAL or interpreter_variable(name) in os.environ or find_spec(name)]
