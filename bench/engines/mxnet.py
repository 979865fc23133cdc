"""MXNet 1.9.1 with its oneDNN subgraph backend, bound by `simple_bind`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.engines import Job, only_fp32


def environment(job: Job) -> dict[str, str]:
    """Returns the variables to set before the engine is imported."""
    threads = str(job.threads)
    return {"MXNET_SUBGRAPH_BACKEND": "MKLDNN", "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OMP_PROC_BIND": "true"}


def prepare(job: Job) -> str:
    """Imports the engine; returns its version."""
    from ngc.importer.mxnet_live import import_mxnet

    return str(import_mxnet().__version__)


def build(job: Job, x: np.ndarray) -> Callable[[], Any]:
    """Returns a function that runs the model once on `x` and returns its first output."""
    from ngc.importer.mxnet_live import import_mxnet

    only_fp32(job)
    mx = import_mxnet()
    symbol, arguments, auxiliaries = mx.model.load_checkpoint(job.prefix, 0)
    executor = symbol.simple_bind(mx.cpu(), grad_req="null", data=job.shape)
    executor.copy_params_from(arguments, auxiliaries)
    data = mx.nd.array(x)
    return lambda: executor.forward(is_train=False, data=data)[0].asnumpy()
