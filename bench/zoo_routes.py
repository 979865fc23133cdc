"""Ways from a checkpoint to an answer beside `ngc.compile`: what engines are given, on a runtime that every machine has."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import ngc
from bench.zoo_models import input_shape, sample_input
from ngc.codegen.onnx import save_onnx
from ngc.passes.registry import PIPELINES

Route = Callable[[str, str, int], tuple[NDArray[np.float32], float]]
"""(network, checkpoint prefix, batch) to the first output for `sample_input`, and the seconds that compiling took."""


def onnx(network: str, prefix: str, batch: int) -> tuple[NDArray[np.float32], float]:
    """The ONNX file that engines are given, checked, in ONNX Runtime; its batch is N."""
    import onnx.checker
    import onnxruntime

    graph = ngc.import_model(prefix, shapes={"data": ("N", *input_shape(network)[1:])})
    begun = time.perf_counter()
    ngc.PassManager(PIPELINES["canonical"]).run(graph)
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        save_onnx(graph, path)
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    seconds = time.perf_counter() - begun
    answer: NDArray[np.float32] = session.run(None, {"data": sample_input(network, batch)})[0]
    return answer, seconds


def neuron_on_cpu(network: str, prefix: str, batch: int) -> tuple[NDArray[np.float32], float]:
    """The StableHLO module that AWS Neuron would be given, on XLA's CPU client, with ngc's executable around it; its shapes are fixed."""
    begun = time.perf_counter()
    executable = ngc.compile(prefix, shapes={"data": input_shape(network, batch)}, target="neuron:cpu")
    executable.open_engines()
    seconds = time.perf_counter() - begun
    if executable.graph.count() != {"engine.call": 1}:
        raise ngc.EngineError(f"{network} does not go to the engine whole: {executable.graph.count()}")
    return executable.run({"data": sample_input(network, batch)})[0], seconds


ROUTES: Mapping[str, Route] = {"onnx": onnx, "neuron:cpu": neuron_on_cpu}
