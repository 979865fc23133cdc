"""Ways from a checkpoint to an answer beside `ngc.compile`: what engines are given, on a runtime that every machine has."""

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

import ngc
from bench.zoo_models import input_shape, sample_input
from ngc.codegen.neuron import build_neuron
from ngc.engines import EngineOptions, parse_engine_target
from ngc.passes.registry import PIPELINES
from ngc.runtime.engines.pjrt import PjrtEngine

Route = Callable[[str, str, int], tuple[NDArray[np.float32], float]]
"""(network, checkpoint prefix, batch) to the first output for `sample_input`, and the seconds from the imported graph to a compiled one."""


def neuron_on_cpu(network: str, prefix: str, batch: int) -> tuple[NDArray[np.float32], float]:
    """The StableHLO module that AWS Neuron would be given, on XLA's CPU client; its shapes are fixed."""
    graph = ngc.import_model(prefix, shapes={"data": input_shape(network, batch)})
    target = parse_engine_target("neuron:cpu")
    assert target is not None
    begun = time.perf_counter()
    ngc.PassManager(PIPELINES["canonical"]).run(graph)
    image = build_neuron(graph, network, target, EngineOptions(), "fp32")
    engine = PjrtEngine(image, {value.name: value.array for value in graph.values() if value.is_const}, "cpu")
    seconds = time.perf_counter() - begun
    return engine.run([sample_input(network, batch)])[0], seconds


ROUTES: Mapping[str, Route] = {"neuron:cpu": neuron_on_cpu}
