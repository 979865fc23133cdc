"""Whole programs of recurrent layers: element types, lengths, threads, and what has no kernel."""

import numpy as np
import pytest

import ngc
from ngc.errors import CodegenError
from ngc.ir import GraphBuilder, SymDim, evaluate
from ngc.ir.ops.recurrent import GATES
from tests.codegen.onnx.test_recurrent import feeds, layer
from tests.operator_samples.recurrent import shapes


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", GATES)
def test_programs_match_the_evaluator(mode: str, threads: int) -> None:
    graph = layer(mode, 2, batch=SymDim(), row=SymDim(), lengths=True)
    executable = ngc.compile(graph, threads=threads)
    for batch in (1, 5):
        fed = feeds(graph, batch)
        for got, wanted in zip(executable.run(fed), evaluate(graph, fed), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)  # some twenty terms of order one over three steps


def test_half_precision_is_computed_in_single() -> None:
    graph = layer("lstm", 2, dtype="f16")
    fed = feeds(graph, 2)
    for got, wanted in zip(ngc.compile(graph).run(fed), evaluate(graph, fed), strict=True):
        assert got.dtype == np.float16
        np.testing.assert_allclose(got.astype(float), wanted.astype(float), rtol=0, atol=2.0**-10)  # one unit in the last place of numbers up to 2


def test_packed_weights_can_be_had_back() -> None:
    graph = layer("gru", 2)
    before = {value.name: value.array.copy() for value in graph.values() if value.is_const}
    executable = ngc.compile(graph)
    for value in executable.graph.values():
        if value.is_const and value.name in before:
            np.testing.assert_array_equal(value.array, before[value.name])


@pytest.mark.parametrize(("dtype", "constant", "reason"), [
    ("f64", True, "recurrent layers take f32, f16 or bf16 data, not f64"),
    ("f32", False, "recurrent layers take constant weights, not %x1"),
])
def test_what_has_no_kernel(dtype: str, constant: bool, reason: str) -> None:
    builder = GraphBuilder()
    rng = np.random.default_rng(0)
    kind = np.dtype("float64" if dtype == "f64" else "float32")
    values = [builder.const(f"x{number}", rng.uniform(-1, 1, shape).astype(kind)) if number and constant else builder.input(f"x{number}", shape, dtype)
              for number, shape in enumerate(shapes("gru", 1))]
    graph = builder.finish([builder.op("recurrent", *values, mode="gru")])
    with pytest.raises(CodegenError, match=reason):
        ngc.compile(graph)
