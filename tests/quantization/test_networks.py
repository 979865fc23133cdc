"""Small networks in int8: every integer is the reference's, on each instruction set, for any batch and number of threads."""

import numpy as np
import pytest

from ngc.ir import evaluate
from ngc.runtime import Executable
from tests.quantization.networks import NETWORKS, images
from tests.quantization.programs import TARGETS, check_every_value, compiled, is_exact, program, quantized_network, with_all_values

INEXACT = ("squeeze_and_excitation",)
"""Networks that compute a function of floats, which rounds differently from one processor to another."""


def test_most_nodes_are_integers() -> None:
    for name in NETWORKS:
        nodes = [node for node in quantized_network(name) if node.op != "const"]
        layers = [node for node in nodes if node.op.startswith("conv") or node.op == "dense"]
        assert all(node.inputs[1].type.dtype == "i8" for node in layers), name
        assert all(node.type.dtype == "u8" or node is layers[-1] for node in nodes if is_exact(node)), name
        assert sum(not is_exact(node) for node in nodes) == (name in INEXACT), name


def test_data_of_depthwise_convolutions_has_a_scale_for_each_channel() -> None:
    graph = quantized_network("mobilenet_v2")
    assert {value.name for value in graph.values() if value.type.quant is not None and value.type.quant.axis == 1} == {"a_expand", "b_expand", "c_expand"}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_value_has_the_bits_of_the_reference(name: str, target: str) -> None:
    graph = quantized_network(name)
    executable = program(with_all_values(graph), target, threads=2)
    for batch in (1, 3):
        exact = check_every_value(graph, executable, {"data": images(graph, batch, batch)})
        assert exact >= len(graph.count()) - 2


@pytest.mark.parametrize("name", NETWORKS)
def test_targets_threads_and_batches_give_the_same_bits(name: str) -> None:
    graph = quantized_network(name)
    data = {batch: images(graph, batch, batch) for batch in (1, 2, 5)}
    answers = []
    for target in TARGETS:
        executable = compiled(name, target, threads=1)
        found = {batch: executable.run_poisoned({"data": x})[0] for batch, x in data.items()}
        for threads in (2, 3):
            other = Executable(executable.program, executable.graph, threads)
            for batch, x in data.items():
                np.testing.assert_array_equal(other.run_poisoned({"data": x})[0], found[batch])
        one_by_one = np.concatenate([executable.run({"data": image[None]})[0] for image in data[5]])
        np.testing.assert_array_equal(one_by_one, found[5])
        answers.append(found)
    if name in INEXACT:
        return
    for batch, x in data.items():
        [wanted] = evaluate(graph, {"data": x})
        for found in answers:
            np.testing.assert_array_equal(found[batch], wanted)
