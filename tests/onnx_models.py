"""Runs graphs as ONNX models: the checker, ONNX Runtime, and the reference evaluator to compare with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from ngc.codegen.onnx import OPSET, emit_onnx
from ngc.ir import Graph, GraphBuilder, Value, evaluate
from ngc.ir.tensor_type import DTYPES

EPS = {"f64": 2.0**-52, "f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}
"""The distance of 1 and the next number."""


EXAMPLES = settings(deadline=None, max_examples=50)
"""Of property tests: the first session of ONNX Runtime takes its time."""

ALL = (*DTYPES, "bf16")
"""Every element type."""


def numbers(rng: np.random.Generator, dtype: str, shape: tuple[int, ...], low: float = -4, high: float = 4) -> np.ndarray:
    """Returns random data of a type; integers over their whole range, with many small ones."""
    kind = DTYPES.get(dtype, np.dtype(np.float32))
    if kind.kind == "f":
        return rng.uniform(low, high, shape).astype(kind)
    if kind.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(kind)
    small, any_size = rng.integers(-3 if limits.min else 0, 4, shape).astype(kind), rng.integers(limits.min, limits.max, shape, kind, True)
    return np.where(rng.random(shape) < 0.7, small, any_size)


def source(b: GraphBuilder, name: str, shape: tuple[int, ...], dtype: str) -> Value:
    """Returns an input of a type; numpy and ONNX Runtime's Python interface pass bf16 as f32."""
    return b.op("cast", b.input(name, shape), dtype="bf16") if dtype == "bf16" else b.input(name, shape, dtype)


def finish(b: GraphBuilder, *values: Value) -> Graph:
    """Returns the graph of values, bf16 ones as f32."""
    return b.finish([b.op("cast", value, dtype="f32") if value.type.dtype == "bf16" else value for value in values])


def session(model: Any) -> Any:
    """Returns ONNX Runtime's session of a model or a file, on the CPU; skips the test where ONNX is not installed."""
    onnxruntime = pytest.importorskip("onnxruntime")
    return onnxruntime.InferenceSession(model if isinstance(model, str) else model.SerializeToString(), providers=["CPUExecutionProvider"])


def checked(graph: Graph, opset: int = OPSET) -> Any:
    """Returns a graph's ONNX model after the checker, which also infers all shapes and compares them with those of the IR."""
    onnx = pytest.importorskip("onnx")
    model = emit_onnx(graph, opset=opset)
    onnx.checker.check_model(model, full_check=True)
    return model


def run_onnx(graph: Graph, feeds: Mapping[str, np.ndarray], opset: int = OPSET) -> list[np.ndarray]:
    """Returns what ONNX Runtime makes of a graph."""
    outputs: list[np.ndarray] = session(checked(graph, opset)).run(list(graph.output_names), dict(feeds))
    return outputs


def assert_agrees(graph: Graph, feeds: Mapping[str, np.ndarray], *, rtol: float = 0, atol: float = 0) -> None:
    """Checks that ONNX Runtime gives what the reference evaluator does, in the same types."""
    found: Sequence[np.ndarray] = run_onnx(graph, feeds)
    for name, array, wanted in zip(graph.output_names, found, evaluate(graph, feeds), strict=True):
        assert array.dtype == wanted.dtype, name
        np.testing.assert_allclose(array.astype(np.float64), wanted.astype(np.float64), rtol=rtol, atol=atol, err_msg=f"{name} of\n{graph}")


def assert_peers_give(graph: Graph, feeds: Mapping[str, np.ndarray], wanted: Sequence[np.ndarray], tolerance: float) -> None:
    """Checks that ONNX Runtime and OpenVINO give what is wanted from a graph's ONNX, at a tolerance against each output's largest number."""
    model = checked(graph)
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model=model.SerializeToString(), weights=b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(dict(feeds))
    for answers in (session(model).run(None, dict(feeds)), [np.asarray(found[output]) for output in compiled.outputs]):
        for got, expected in zip(answers, wanted, strict=True):
            assert np.abs(got - expected).max() <= tolerance * np.abs(expected).max()
