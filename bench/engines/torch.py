"""PyTorch's `torch.compile`: inductor with frozen weights in the channels-last layout, called from C++.

These are the quickest of what its users set on a CPU. Without freezing, networks take up to a third longer; the C++ wrapper saves some per cent
of small ones; `max-autotune` gains nothing on convolutions; for bf16, a model of bf16 weights is a little quicker than autocast.
The model is made from the MXNet checkpoint by way of ngc's importer, its batch norms unfolded.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from bench.engines import Job, NotOffered, check_precision, interpreter_variable
from bench.engines.openmp import openmp_settings


def environments(job: Job) -> list[dict[str, str]]:
    """Returns the settings to try, each as variables to set before the engine is imported."""
    return [{"TORCHINDUCTOR_FREEZING": "1", "TORCHINDUCTOR_CPP_WRAPPER": "1"} | wait for wait in openmp_settings(job.threads)]


def prepare(job: Job) -> str:
    """Imports the engine and what reads checkpoints; returns the engine's version.

    Raises:
        NotOffered: PyTorch is not installed, or the C++ compiler is not that it needs.
    """
    try:
        for module in ("torch._inductor.compile_fx", "bench.torch_model", "ngc.importer", "ngc.passes"):
            import_module(module)
    except ImportError as error:
        raise NotOffered(f"{error}; `pip install ngc[torch]` installs it, here or in an environment of its own whose Python "
                         f"{interpreter_variable(job.engine)} names") from error  # fmt: skip
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise NotOffered(f"torch.compile needs a C++ compiler, and there is no {compiler}; install g++, or name another in CXX")
    import torch

    torch.set_num_threads(job.threads)
    return str(torch.__version__).partition("+")[0]


def compile_model(job: Job) -> Any:
    """Returns the module, which is compiled when it runs first."""
    import torch

    import ngc
    from bench.torch_model import to_module

    check_precision(job, "fp32", "bf16")
    if len(job.shapes) > 1:
        raise NotOffered("torch is compared on networks of one image")
    graph = ngc.import_model(job.prefix, shapes=dict(job.shapes))
    ngc.PassManager("@canonical").run(graph)
    module = to_module(graph).to(memory_format=torch.channels_last, dtype=_dtype(job))
    return torch.compile(module, backend="inductor", dynamic=False)


def runner(job: Job, model: Any, feeds: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Returns a function that runs the model once and returns its output."""
    import torch

    [x] = feeds.values()

    def run() -> Any:
        with torch.inference_mode():
            data = torch.from_numpy(x).to(memory_format=torch.channels_last, dtype=_dtype(job))
            return [model(data).float().numpy()]

    return run


def _dtype(job: Job) -> Any:
    import torch

    return torch.bfloat16 if job.precision == "bf16" else torch.float32
