"""OpenVINO on its CPU plugin, set for latency, in the precision asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.engines import Job, check_precision

_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""What layers compute in; those that NNCF quantized compute in int8 whatever this says."""


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{}]


def prepare(job: Job) -> str:
    """Imports the engine; returns its version."""
    import openvino

    return str(openvino.__version__).partition("-")[0]


def compile_model(job: Job) -> Any:
    """Returns the compiled model."""
    import openvino

    check_precision(job, *_PRECISIONS)
    return openvino.Core().compile_model(f"{job.quantized}.xml" if job.quantized else job.onnx, "CPU", _settings(job))


def runner(job: Job, model: Any, feeds: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Returns a function that runs the model once and returns its outputs."""
    import openvino

    request = model.create_infer_request()
    for name, array in feeds.items():
        request.set_tensor(name, openvino.Tensor(array, shared_memory=True))

    def run() -> Any:
        request.infer()
        return [request.get_output_tensor(number).data for number in range(len(model.outputs))]

    return run


def save(job: Job, model: Any, path: str) -> None:
    """Writes the compiled model's blob."""
    Path(path).write_bytes(model.export_model().getvalue())


def load(job: Job, path: str) -> Any:
    """Returns the compiled model of a blob, which is mapped, not read."""
    import openvino

    blob = openvino.Tensor(np.memmap(path, np.uint8, "c"), shared_memory=True)
    model = openvino.Core().import_model(blob, "CPU", _settings(job))
    model.blob = blob  # it reads its weights there and does not keep it alive itself
    return model


def _settings(job: Job) -> dict[str, Any]:
    return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": job.threads, "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": _PRECISIONS[job.precision]}  # fmt: skip
