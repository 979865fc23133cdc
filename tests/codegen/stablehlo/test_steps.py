"""Every step on XLA's CPU client, against the reference evaluator, and the operations that its row names."""

import numpy as np
import pytest

from ngc.engines.stablehlo_forms import NOTHING, SHAPING, STABLEHLO_STEPS
from ngc.ir import STEPS, Graph, GraphBuilder, Step
from ngc.ir.random_data import random_feeds
from tests.codegen.stablehlo.xla import check, operations

PARAMS = {"scale": (0.5, -0.25), "add_scaled": (0.75,), "clip": (-0.5, 0.75), "leaky_relu": (0.1,), "elu": (0.5,), "hard_sigmoid": (0.3, 0.4), "swish": (1.5,)}
POSITIVE = ("log", "sqrt")

ULP = 2.0**-23


def step_graph(kind: str, dtype: str = "f32", shape: tuple[int, ...] = (2, 3, 4, 5), operand: tuple[int, ...] | None = None) -> Graph:
    """Returns an eltwise node of one step on `data`; its operands are inputs, a tensor of shape `operand` or of the data's."""
    builder = GraphBuilder(kind)
    x = builder.input("data", shape, dtype)
    kinds = STEPS[kind].operands
    vector = "f32" if dtype in ("bf16", "u8") else dtype
    inputs = [builder.input(f"o{number}", (shape[1],) if role == "vector" else operand or shape, vector if role == "vector" or dtype == "u8" else dtype)
              for number, role in enumerate(kinds)]
    node = builder.op("eltwise", x, *inputs, epilogue=(Step(kind, PARAMS.get(kind, ())),), name="y", **({"result": "f32"} if dtype == "u8" else {}))
    assert node.producer is not None
    graph = builder.finish(node.producer.outputs)
    graph.stage = "fused"
    return graph


def feeds_of(graph: Graph) -> dict[str, np.ndarray]:
    kind = graph.nodes[0].attrs["epilogue"][0].kind
    arrays = random_feeds(graph, 3)
    if kind in POSITIVE:
        arrays["data"] = np.abs(arrays["data"]) + arrays["data"].dtype.type(0.5)
    return arrays


@pytest.mark.parametrize("kind", sorted(STEPS))
def test_a_step_is_what_its_row_names_and_means(kind: str) -> None:
    graph = step_graph(kind)
    assert operations(graph) == set(STABLEHLO_STEPS[kind].ops) - SHAPING - {NOTHING}
    check(graph, feeds_of(graph), rtol=8 * ULP, atol=4 * ULP)


@pytest.mark.parametrize("kind", ["add", "multiply"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (1, 2, 3, 2, 2)], ids=str)
def test_an_operand_may_have_one_number_for_each_plane(kind: str, shape: tuple[int, ...]) -> None:
    graph = step_graph(kind, shape=shape, operand=(*shape[:2], *(1,) * (len(shape) - 2)))
    check(graph, feeds_of(graph), rtol=ULP, atol=ULP)


@pytest.mark.parametrize("kind", ["bias", "affine", "prelu", "add", "add_scaled", "scale", "relu"])
def test_steps_read_integers_as_they_are(kind: str) -> None:
    graph = step_graph(kind, "u8")
    check(graph, feeds_of(graph), rtol=2 * ULP, atol=2 * ULP)


@pytest.mark.parametrize(("dtype", "half_ulp"), [("f16", 2.0**-11), ("bf16", 2.0**-8)])
@pytest.mark.parametrize("kind", ["bias", "affine", "multiply", "tanh", "scale"])
def test_data_of_16_bits_is_rounded_at_the_end(kind: str, dtype: str, half_ulp: float) -> None:
    graph = step_graph(kind, dtype)
    arrays = {name: (array.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32) if array.dtype == np.float32 else array
              for name, array in feeds_of(graph).items()}
    # The evaluator rounds f16 after each operation.
    check(graph, arrays, rtol=2 * half_ulp, atol=4 * half_ulp)
