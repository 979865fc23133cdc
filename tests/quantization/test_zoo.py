"""Networks of the model zoo at full size in int8: the reference's bits from every instruction set. Skipped where MXNet is not installed."""

import numpy as np
import pytest

import ngc
from ngc.ir import evaluate
from ngc.passes.value_ranges import Quantization
from ngc.runtime import Executable
from tests.passes.test_zoo_fusion import network
from tests.quantization.programs import FORCED, TARGETS, fused, quantized
from tests.runtime.test_zoo_programs import draw_weights


@pytest.mark.full
@pytest.mark.parametrize("name", ["resnet18_v2", "mobilenet_v2_1_0"])
def test_all_targets_and_threads_give_the_bits_of_the_reference(name: str) -> None:
    graph = network(name)
    draw_weights(graph)
    rng = np.random.default_rng(3)
    table = ngc.calibrate(graph, [rng.standard_normal((4, 3, 224, 224)).astype(np.float32)])
    feeds = {"data": rng.standard_normal((2, 3, 224, 224)).astype(np.float32)}
    results = []
    for target in TARGETS:
        executable = ngc.compile(graph, target=target, precision="int8", calibration=table, quantization=FORCED, numerics="exact")
        assert {layer.precision for layer in executable.quantization} == {"int8"}
        results += [Executable(executable.program, executable.graph, threads).run_poisoned(feeds)[0] for threads in (1, 2, 3)]
    [wanted] = evaluate(quantized(fused(graph), Quantization(table.ranges())), feeds)
    assert wanted.std() > 0
    for result in results:
        np.testing.assert_array_equal(result, wanted)
