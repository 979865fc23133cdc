"""OpenVINO on its CPU plugin, set for latency, in the precision asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.engines import Job, NotOffered

_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{}]


def prepare(job: Job) -> str:
    """Imports the engine; returns its version."""
    import openvino

    return str(openvino.__version__).partition("-")[0]


def build(job: Job, x: np.ndarray) -> Callable[[], Any]:
    """Returns a function that runs the model once on `x` and returns its first output."""
    import openvino

    if job.precision not in _PRECISIONS:
        raise NotOffered(f"openvino is compared in {' and '.join(_PRECISIONS)} only, not in {job.precision}")
    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": job.threads, "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": _PRECISIONS[job.precision]}  # fmt: skip
    request = core.compile_model(job.onnx, "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))

    def run() -> Any:
        request.infer()
        return request.get_output_tensor(0).data

    return run
