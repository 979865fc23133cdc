"""ONNX Runtime on its CPU provider, all graph optimizations on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.engines import Job, only_fp32


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{}]


def prepare(job: Job) -> str:
    """Imports the engine; returns its version."""
    import onnxruntime

    return str(onnxruntime.__version__)


def build(job: Job, x: np.ndarray) -> Callable[[], Any]:
    """Returns a function that runs the model once on `x` and returns its first output."""
    import onnxruntime

    only_fp32(job)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(job.onnx, options, providers=["CPUExecutionProvider"])
    feeds = {"data": x}
    return lambda: session.run(None, feeds)[0]
