"""ONNX Runtime on its CPU provider, all graph optimizations on."""

from collections.abc import Callable
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
    import onnxruntime

    # Its CPU provider has no bf16 convolution.
    check_precision(job, "fp32")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(job.onnx, options, providers=["CPUExecutionProvider"])


def runner(job: Job, model: Any, x: np.ndarray) -> Callable[[], Any]:
    """Returns a function that runs the model once on `x` and returns its first output."""
    feeds = {"data": x}
    return lambda: model.run(None, feeds)[0]
