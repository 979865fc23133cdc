"""MXNet 1.9.1 with its oneDNN subgraph backend, bound by `simple_bind`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.engines import Job, only_fp32


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported.

    How long OpenMP's threads spin at a barrier decides much with several of them, and no choice is best everywhere: without
    end is best on an idle machine and ten times too slow on one that does anything else; passive is slow for small models.
    """
    common = {"MXNET_SUBGRAPH_BACKEND": "MKLDNN", "MXNET_SUBGRAPH_VERBOSE": "0", "OMP_NUM_THREADS": str(job.threads)}
    if job.threads == 1:
        return [common]
    waits = [{"OMP_PROC_BIND": "true"}, {"OMP_PROC_BIND": "true", "GOMP_SPINCOUNT": "10000"}, {"OMP_WAIT_POLICY": "passive"}]
    return [common | wait for wait in waits]


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
