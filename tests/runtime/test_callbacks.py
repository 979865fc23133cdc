"""`fallback="reference"`: operators without a kernel run in numpy, called from native code by whichever thread has them."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.codegen.llvm import lower
from ngc.errors import ArtifactError, CodegenError, VerifyError
from ngc.ir import Graph, SymDim, evaluate
from ngc.ir.builder import GraphBuilder
from ngc.runtime import Executable, callbacks
from ngc.runtime.callbacks import Callbacks

# float32 through sums of at most 180 products.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def make_net() -> Graph:
    """Convolutions around a pool and a softmax, with a dense block's concats: blocked tensors, halos, slices, plain tensors."""
    builder = GraphBuilder("net")
    rng = np.random.default_rng(0)

    def conv(x: Any, outputs: int, inputs: int, name: str) -> Any:
        weight = builder.const(f"{name}_weight", rng.normal(0, 0.2, (outputs, inputs, 3, 3)).astype(np.float32))
        return builder.op("conv2d", x, weight, pad=(1, 1), name=name)

    x = builder.input("data", (SymDim(), 3, 8, 10))
    a = conv(x, 32, 3, "first")
    pooled = builder.op("pool", a, kind="avg", kernel=(3, 3), stride=(1, 1), pad=(1, 1), name="pool")
    joined = builder.op("concat", a, pooled, axis=1, name="joined")
    b = conv(joined, 20, 64, "second")
    flat = builder.op("reduce_mean", b, axes=(2, 3), name="mean")
    return builder.finish([builder.op("softmax", flat, axis=-1, name="soft"), b], ["scores", "features"])


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns a function that takes the kernels of operators away."""
    known = lower.handlers()

    def take(*operators: str) -> None:
        table: Mapping[str, Any] = {name: handler for name, handler in known.items() if name not in operators}
        monkeypatch.setattr(lower, "handlers", lambda: table)

    return take


def check(executable: Executable, graph: Graph, batch: int) -> None:
    x = np.random.default_rng(batch).normal(size=(batch, 3, 8, 10)).astype(np.float32)
    for actual, wanted in zip(executable.run({"data": x}), evaluate(graph, {"data": x}), strict=True):
        np.testing.assert_allclose(actual, wanted, **CLOSE)
    for actual, wanted in zip(executable.run_poisoned({"data": x}), executable.run({"data": x}), strict=True):
        np.testing.assert_array_equal(actual, wanted)


def test_without_a_fallback_all_missing_kernels_are_listed(without: Any) -> None:
    without("pool", "softmax")
    with pytest.raises(CodegenError) as error:
        ngc.compile(make_net())
    assert str(error.value) == ('no kernels for some operators; fallback="reference" runs them in numpy:\n'
                                "  pool has no kernel for cpu: 1 node (%pool)\n  softmax has no kernel for cpu: 1 node (%soft)")


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("operators", [("softmax",), ("pool",), ("conv2d",), ("concat",), ("reduce_mean", "softmax"),
                                       ("pool", "concat", "conv2d", "softmax", "reduce_mean", "eltwise")])
def test_operators_without_a_kernel(without: Any, operators: tuple[str, ...], threads: int, caplog: pytest.LogCaptureFixture) -> None:
    without(*operators)
    graph = make_net()
    with caplog.at_level(logging.WARNING):
        executable = ngc.compile(graph, threads=threads, fallback="reference", numerics="exact")
    assert "operators without a kernel run in numpy: " in caplog.text
    for batch in (1, 3):
        check(executable, graph, batch)


def test_nothing_is_called_back_where_every_operator_has_a_kernel(caplog: pytest.LogCaptureFixture) -> None:
    graph = make_net()
    executable = ngc.compile(graph, fallback="reference", numerics="exact")
    assert not executable.program.callbacks
    assert not caplog.records
    check(executable, graph, 2)


def test_the_profile_shows_it(without: Any) -> None:
    without("softmax")
    executable = ngc.compile(make_net(), fallback="reference", numerics="exact", threads=2)
    kernels = executable.profile({"data": np.zeros((1, 3, 8, 10), np.float32)}, runs=2).kernels
    found = [kernel for kernel in kernels if kernel.op.startswith("reference:")]
    assert [(kernel.op, kernel.node, kernel.note) for kernel in found] == [("reference:softmax", "soft", "in numpy: softmax has no kernel for cpu")]
    assert any(event.rule == "CallbackKernel" for event in executable.graph.events.events)


def test_a_saved_artifact_calls_back_too(without: Any, tmp_path: Path) -> None:
    without("pool", "softmax")
    graph = make_net()
    ngc.compile(graph, fallback="reference", numerics="exact", threads=2).save(tmp_path / "net.ngc")
    loaded = ngc.load(tmp_path / "net.ngc")
    check(loaded, graph, 2)
    loaded.save(tmp_path / "again.ngc")
    assert (tmp_path / "again.ngc").read_bytes() == (tmp_path / "net.ngc").read_bytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_reach_the_run_that_they_belong_to(without: Any, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    without("softmax")
    executable = ngc.compile(make_net(), fallback="reference", numerics="exact", threads=threads)
    evaluate_node = callbacks.evaluate_node

    def moody(node: Any, arrays: list[np.ndarray]) -> Any:
        if arrays[0].shape[0] == 2:
            raise VerifyError("no batch of two today")
        return evaluate_node(node, arrays)

    monkeypatch.setattr(callbacks, "evaluate_node", moody)

    def run(batch: int) -> str:
        try:
            return str(executable.run({"data": np.zeros((batch, 3, 8, 10), np.float32)})[0].shape)
        except VerifyError as error:
            return str(error)

    wanted = {1: "(1, 20)", 2: "no batch of two today", 3: "(3, 20)"}
    with ThreadPoolExecutor(4) as pool:
        batches = [1, 2, 3] * 20
        assert list(pool.map(run, batches)) == [wanted[batch] for batch in batches]


def test_an_interrupt_inside_is_raised_after_the_run(without: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    without("softmax")
    executable = ngc.compile(make_net(), fallback="reference", numerics="exact", threads=2)

    def interrupt(node: Any, arrays: list[np.ndarray]) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(callbacks, "evaluate_node", interrupt)
    with pytest.raises(KeyboardInterrupt):
        executable.run({"data": np.zeros((1, 3, 8, 10), np.float32)})


@pytest.mark.parametrize("dtype", ["f16", "f64", "i32", "u8"])
def test_types_without_a_kernel(dtype: str) -> None:
    builder = GraphBuilder("typed")
    x = builder.input("data", (SymDim(), 2, 4, 6), dtype)
    graph = builder.finish([builder.op("pool", x, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="pool")])
    executable = ngc.compile(graph, fallback="reference", numerics="exact", threads=2)
    data = np.random.default_rng(0).integers(0, 100, (3, 2, 4, 6)).astype(executable.inputs[0].dtype)
    np.testing.assert_array_equal(executable.run({"data": data})[0], evaluate(graph, {"data": data})[0])


def test_a_graph_without_the_nodes_that_a_program_calls() -> None:
    with pytest.raises(ArtifactError, match=r"^the program calls nodes that its graph does not have: %other$"):
        Callbacks(make_net(), {"symbol": "other"})
