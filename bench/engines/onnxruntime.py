"""ONNX Runtime on its CPU provider, all graph optimizations on."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.engines import Job, check_precision


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{}]


def prepare(job: Job) -> str:
    """Imports the engine; returns its version."""
    import onnxruntime

    return str(onnxruntime.__version__)


def compile_model(job: Job) -> Any:
    """Returns the session."""
    check_precision(job, "fp32", "int8")  # its CPU provider has no bf16 convolution
    return _session(job, _source(job))


def runner(job: Job, model: Any, feeds: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Returns a function that runs the model once and returns its outputs."""
    return lambda: model.run(None, feeds)


def save(job: Job, model: Any, path: str) -> None:
    """Writes the optimized model, which ONNX Runtime does while it makes a session."""
    _session(job, _source(job), optimized_model_filepath=path)


def load(job: Job, path: str) -> Any:
    """Returns the session of an optimized model, which is not optimized again."""
    from onnxruntime import GraphOptimizationLevel

    return _session(job, path, graph_optimization_level=GraphOptimizationLevel.ORT_DISABLE_ALL)


def _source(job: Job) -> str:
    return f"{job.quantized}.onnx" if job.quantized else job.onnx


def _session(job: Job, path: str, **settings: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # else it remarks that optimized models are for one processor
    for name, value in settings.items():
        setattr(options, name, value)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
