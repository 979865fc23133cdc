"""Networks of the Gluon zoo as ONNX, in floats and in integers. Skipped where MXNet is not installed."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench.measures import relative_error
from bench.zoo import compare_route
from bench.zoo_models import NETWORKS, sample_images
from ngc.ir import Graph, Value, evaluate
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.passes.value_ranges import Quantization, ValueRange
from tests.importer.test_zoo import load
from tests.onnx_models import run_onnx

pytest.importorskip("onnxruntime")

QUICK = [("resnet18_v2", 64), ("squeezenet1.1", 224), ("mobilenetv2_0.25", 64)]
"""Small networks, with the smallest images that they take and that are quick to evaluate."""


def network(mx: ModuleType, name: str, size: int) -> tuple[Graph, dict[str, np.ndarray]]:
    """Returns a network with random weights that keep activations of order one, and two images."""
    rng = np.random.default_rng(7)

    def values(key: str, shape: tuple[int, ...]) -> np.ndarray:
        if key.endswith(("gamma", "running_var")):
            return rng.uniform(0.5, 1.0, shape).astype(np.float32)
        deviation = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        return rng.normal(0, deviation, shape).astype(np.float32)

    return load(mx, name, values, size)[1], {"data": sample_images(rng, (2, 3, size, size))}


@pytest.mark.parametrize(("name", "size"), QUICK)
def test_small_networks_agree_with_the_reference_evaluator(name: str, size: int, mx: ModuleType) -> None:
    graph, feeds = network(mx, name, size)
    [expected] = evaluate(graph, feeds)
    # Up to 120 layers in f32, in another order of summation.
    assert relative_error(run_onnx(graph, feeds)[0], expected) < 1e-5
    PassManager(PIPELINES["canonical"]).run(graph)
    assert relative_error(run_onnx(graph, feeds)[0], expected) < 1e-5


@pytest.mark.full
@pytest.mark.parametrize("name", NETWORKS)
def test_all_networks_agree_with_mxnet(name: str, tmp_path: Path, mx: ModuleType) -> None:
    assert compare_route(name, "onnx", [1, 2], tmp_path).passed


INT8 = PIPELINES["cpu-int8"].removesuffix(",assign-layout")


@pytest.mark.parametrize(("name", "size"), [("resnet18_v2", 64), ("mobilenetv2_0.25", 64)])
def test_networks_of_integers_agree_with_the_reference_evaluator(name: str, size: int, mx: ModuleType) -> None:
    graph, feeds = network(mx, name, size)

    def calibrate(graph: Graph) -> Quantization:
        ranges: dict[str, ValueRange] = {}

        def observe(value: Value, array: np.ndarray) -> None:
            if not value.is_const:
                ranges[value.name] = ValueRange(min(float(array.min()), 0.0), max(float(array.max()), 0.0))

        evaluate(graph, feeds, observe=observe)
        return Quantization(ranges)

    PassManager(INT8).run(graph, PassContext(calibrate=calibrate))
    assert graph.stage == "quantized"
    assert sum(value.type.dtype == "u8" for value in graph.values()) > 20
    [expected] = evaluate(graph, feeds)
    assert len(np.unique(expected)) > 1000
    # Sums past 2**24 are rounded in f32, and a value close to the middle of two integers may then become the other one.
    assert relative_error(run_onnx(graph, feeds)[0], expected) < 2e-2
