"""MXNet 1.9.1 with its oneDNN subgraph backend, bound by `simple_bind`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.engines import Job, check_precision
from bench.engines.openmp import openmp_settings
from bench.mxnet_executor import bind


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
    return bind(import_mxnet(), job.quantized or job.prefix, job.shapes, job.dtypes)


def runner(job: Job, model: Any, feeds: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Returns a function that runs the model once and returns its outputs."""
    from ngc.importer.mxnet_live import import_mxnet

    mx = import_mxnet()
    arrays = {name: mx.nd.array(array, dtype=array.dtype) for name, array in feeds.items()}
    return lambda: [output.asnumpy() for output in model.forward(is_train=False, **arrays)]
