"""MXNet 1.9.1 with its oneDNN subgraph backend, bound by `simple_bind`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.engines import Job, check_precision
from bench.engines.openmp import openmp_settings


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{"MXNET_SUBGRAPH_BACKEND": "MKLDNN", "MXNET_SUBGRAPH_VERBOSE": "0"} | wait for wait in openmp_settings(job.threads)]


def prepare(job: Job) -> str:
    """Imports the engine; returns its version."""
    from ngc.importer.mxnet_live import import_mxnet

    return str(import_mxnet().__version__)


def compile_model(job: Job) -> Any:
    """Returns the bound executor."""
    from ngc.importer.mxnet_live import import_mxnet

    check_precision(job, "fp32", "int8")  # bf16 by its AMP gives right answers and takes several times as long as fp32
    mx = import_mxnet()
    symbol, arguments, auxiliaries = mx.model.load_checkpoint(job.quantized or job.prefix, 0)
    executor = symbol.simple_bind(mx.cpu(), grad_req="null", data=job.shape)
    executor.copy_params_from(arguments, auxiliaries)
    return executor


def runner(job: Job, model: Any, x: np.ndarray) -> Callable[[], Any]:
    """Returns a function that runs the model once on `x` and returns its first output."""
    from ngc.importer.mxnet_live import import_mxnet

    data = import_mxnet().nd.array(x)
    return lambda: model.forward(is_train=False, data=data)[0].asnumpy()
