"""Recurrent layers in ONNX Runtime against the reference evaluator."""

import numpy as np
import pytest

from ngc.engines.onnx_forms import why_no_onnx
from ngc.ir import Graph, GraphBuilder, SymDim
from ngc.ir.ops.recurrent import GATES
from tests.onnx_models import assert_agrees
from tests.operator_samples.recurrent import shapes

pytest.importorskip("onnx")


NUMPY = {"f32": np.float32, "f16": np.float16, "f64": np.float64}


def layer(mode: str, directions: int, *, batch: int | SymDim = 2, row: int | SymDim = 2, lengths: bool = False, dtype: str = "f32", **attrs: object) -> Graph:
    """Returns the graph of one layer with constant weights and states that are inputs."""
    rng = np.random.default_rng(1)
    builder = GraphBuilder(mode)
    x, *parameters, state = shapes(mode, directions)[:5]
    values = [builder.input("x", (x[0], batch, x[2]), dtype)]
    values += [builder.const(f"c{number}", rng.uniform(-0.5, 0.5, shape).astype(NUMPY[dtype]))
               for number, shape in enumerate(parameters)]
    values += [builder.input(name, (directions, row, state[2]), dtype) for name in ("state", "cell")[:1 + (mode == "lstm")]]
    values += [builder.input("lengths", (batch,), "i32")] if lengths else []
    result = builder.op("recurrent", *values, mode=mode, bidirectional=directions == 2, **attrs)
    assert result.producer is not None
    return builder.finish(result.producer.outputs)


def feeds(graph: Graph, batch: int) -> dict[str, np.ndarray]:
    """Returns random data, and lengths that may be none, and more than there are steps."""
    rng = np.random.default_rng(2)
    found = {}
    for value, name in zip(graph.inputs, graph.input_names, strict=True):
        shape = tuple(batch if isinstance(dim, SymDim) else dim for dim in value.type.shape)
        found[name] = (rng.integers(-1, 6, shape).astype(np.int32) if value.type.dtype == "i32"
                       else rng.uniform(-1, 1, shape).astype(NUMPY[value.type.dtype]))
    return found


@pytest.mark.parametrize("lengths", [False, True], ids=["whole", "lengths"])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("mode", GATES)
def test_every_mode(mode: str, directions: int, lengths: bool) -> None:
    graph = layer(mode, directions, lengths=lengths)
    assert_agrees(graph, feeds(graph, 2), atol=1e-5)  # sums of ten terms of order one over three steps


@pytest.mark.parametrize("mode", GATES)
def test_lengths_of_no_step_and_of_too_many(mode: str) -> None:
    graph = layer(mode, 2, batch=5, row=1, lengths=True)
    assert_agrees(graph, {**feeds(graph, 5), "lengths": np.array([0, 3, -2, 9, 1], np.int32)}, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_one_state_for_a_batch_of_any_size(batch: int) -> None:
    graph = layer("gru", 2, batch=SymDim(), row=1)
    assert_agrees(graph, feeds(graph, batch), atol=1e-5)


def test_one_state_for_several_sequences() -> None:
    graph = layer("lstm", 1, batch=3, row=1)
    assert_agrees(graph, feeds(graph, 3), atol=1e-5)


def test_half_precision_is_computed_in_single() -> None:
    graph = layer("lstm", 2, dtype="f16")
    assert_agrees(graph, feeds(graph, 2), atol=2.0**-10)


def test_cells_are_not_clipped() -> None:
    node = layer("lstm", 1, clip_min=-1.0).nodes[-1]
    assert why_no_onnx(node) == "ONNX clips what goes into a cell's functions, not the cell"


def test_double_precision_is_not_there() -> None:
    assert why_no_onnx(layer("gru", 1, dtype="f64").nodes[-1]) == "ONNX Runtime has no recurrent of f64"
