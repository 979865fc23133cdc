"""Recurrent layers against MXNet."""

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model
from ngc.ir import evaluate
from ngc.ir.ops.recurrent import GATES
from tests.importer.conftest import assert_close, run_mxnet

Check = Callable[..., Any]
Feeds = dict[str, np.ndarray]


def size_of(mode: str, layers: int, directions: int, channels: int, hidden: int) -> int:
    """Returns the number of parameters."""
    rows = GATES[mode] * hidden
    return sum(directions * rows * (width + hidden + 2) for width in [channels, *[directions * hidden] * (layers - 1)])


def problem(mx: ModuleType, rng: np.random.Generator, mode: str, *, steps: int = 4, batch: int = 3, channels: int = 5, hidden: int = 7, layers: int = 1,
            both: bool = False, **attrs: Any) -> tuple[Any, Feeds]:
    """Returns an RNN symbol of inputs, parameters and states, and what to feed it."""
    directions = 1 + both
    draw = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32)  # noqa: E731
    feeds = {"data": draw(steps, batch, channels), "weights": draw(size_of(mode, layers, directions, channels, hidden)) * np.float32(0.5),
             "state": draw(layers * directions, batch, hidden)}
    if mode == "lstm":
        feeds["cell"] = draw(layers * directions, batch, hidden)
    attrs = {"state_outputs": True, **attrs}
    symbol = mx.sym.RNN(*map(mx.sym.var, feeds), mode=mode, state_size=hidden, num_layers=layers, bidirectional=both, name="rnn", **attrs)
    return symbol, feeds


@pytest.mark.parametrize("both", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("mode", GATES)
def test_modes(mode: str, layers: int, both: bool, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol, feeds = problem(mx, rng, mode, layers=layers, both=both)
    check(symbol, feeds, ("weights",), batch=False, reduction=16 * layers)


@pytest.mark.parametrize("sizes", [{"hidden": 1}, {"hidden": 33}, {"steps": 1}, {"batch": 1}, {"channels": 1}], ids=str)
@pytest.mark.parametrize("mode", ["gru", "lstm"])
def test_sizes(mode: str, sizes: dict[str, int], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol, feeds = problem(mx, rng, mode, both=True, **sizes)
    check(symbol, feeds, ("weights",), batch=False, reduction=40)


@pytest.mark.parametrize("mode", GATES)
def test_a_batch_of_any_size(mode: str, mx: ModuleType, rng: np.random.Generator) -> None:
    symbol, feeds = problem(mx, rng, mode, layers=2, both=True, state_outputs=False, p=0.5)
    weights = {"weights": feeds["weights"]}
    shapes = {name: (array.shape[0], "N", array.shape[2]) for name, array in feeds.items() if name != "weights"}
    executable = ngc.compile((symbol, weights, {}), shapes=shapes, threads=1)
    assert not any(node.op == "engine.call" for node in executable.graph)
    for batch in (1, 3, 5):
        fed = {name: np.resize(feeds[name], (array[0], batch, array[2])) for name, array in shapes.items()}
        [expected] = run_mxnet(mx, symbol, {**fed, **weights})
        assert_close(executable.run(fed)[0], expected, reduction=64)


@pytest.mark.parametrize("layout", ["TNC", "NTC"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_gluon_layers(kind: str, layout: str, mx: ModuleType, rng: np.random.Generator) -> None:
    net = getattr(mx.gluon.rnn, kind)(6, 2, layout=layout, bidirectional=True)
    net.initialize(mx.init.Uniform(0.5))
    data = rng.uniform(-1, 1, (4, 3, 5)).astype(np.float32)
    expected = net(mx.nd.array(data)).asnumpy()
    symbol = net(mx.sym.var("data"))
    weights = {name: parameter.data().asnumpy() for name, parameter in net.collect_params().items()}
    shape: tuple[Any, ...] = (4, "N", 5) if layout == "TNC" else ("N", 3, 5)
    graph = import_model((symbol, weights, {}), shapes={"data": shape})
    assert [node.op for node in graph].count("recurrent") == 2
    assert_close(evaluate(graph, {"data": data})[0], expected, reduction=64)


def test_double_precision(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol, feeds = problem(mx, rng, "lstm")
    check(symbol, {name: array.astype(np.float64) for name, array in feeds.items()}, ("weights",), batch=False, reduction=16)


def test_lengths_end_each_sequence(mx: ModuleType, rng: np.random.Generator, caplog: pytest.LogCaptureFixture) -> None:
    """MXNet has lengths on GPUs; a sequence of a length is what MXNet makes of the first steps alone."""
    symbol, feeds = problem(mx, rng, "lstm", both=True, use_sequence_length=True)
    lengths = np.array([2, 4, 1], np.float32)
    weights = {"weights": feeds.pop("weights")}
    shapes = {name: array.shape for name, array in feeds.items()}
    with caplog.at_level(logging.WARNING, "ngc.importer"):
        graph = import_model((symbol, weights, {}), shapes={**shapes, "rnn_sequence_length": (3,)})
    assert "MXNet 1.9 does without use_sequence_length on a CPU" in caplog.text
    y, state, cell = evaluate(graph, {**feeds, "rnn_sequence_length": lengths})
    plain = problem(mx, rng, "lstm", both=True)[0]
    for number, length in enumerate(lengths.astype(int)):
        one = {name: np.ascontiguousarray(array[:, number:number + 1]) for name, array in feeds.items()}
        short = run_mxnet(mx, plain, {**one, **weights, "data": one["data"][:length]})
        assert not y[length:, number].any()
        for got, expected in zip((y[:length], state, cell), short, strict=True):
            assert_close(got[:, number:number + 1], expected, reduction=16)


def test_cells_are_clipped(mx: ModuleType, rng: np.random.Generator, caplog: pytest.LogCaptureFixture) -> None:
    symbol, feeds = problem(mx, rng, "lstm", lstm_state_clip_min=-0.1, lstm_state_clip_max=0.2)
    weights = {"weights": feeds.pop("weights")}
    with caplog.at_level(logging.WARNING, "ngc.importer"):
        graph = import_model((symbol, weights, {}), shapes={name: array.shape for name, array in feeds.items()})
    assert "MXNet 1.9 does without lstm_state_clip_min and lstm_state_clip_max on a CPU" in caplog.text
    cell = evaluate(graph, feeds)[2]
    assert (cell.min(), cell.max()) == (np.float32(-0.1), np.float32(0.2))


@pytest.mark.parametrize(("attrs", "reason"), [
    ({"projection_size": 3}, "RNN with projection_size=3, which MXNet has on GPUs only"),
    ({"lstm_state_clip_nan": True}, "RNN with lstm_state_clip_nan=True, which MXNet has on GPUs only"),
])
def test_refused_attributes(attrs: dict[str, Any], reason: str, mx: ModuleType, rng: np.random.Generator) -> None:
    symbol, feeds = problem(mx, rng, "lstm", **attrs)
    with pytest.raises(UnsupportedOperator, match=reason):
        import_model((symbol, {"weights": feeds["weights"]}, {}), shapes={name: feeds[name].shape for name in ("data", "state", "cell")})


def test_only_lstms_have_a_cell_to_clip(mx: ModuleType, rng: np.random.Generator) -> None:
    symbol, feeds = problem(mx, rng, "gru", lstm_state_clip_min=-1.0)
    with pytest.raises(UnsupportedOperator, match="RNN with mode=gru and lstm_state_clip_min or lstm_state_clip_max, which bound the cell of an LSTM"):
        import_model((symbol, {"weights": feeds["weights"]}, {}), shapes={name: feeds[name].shape for name in ("data", "state")})


def test_refusals(mx: ModuleType, rng: np.random.Generator) -> None:
    symbol, feeds = problem(mx, rng, "gru")
    weights = {"weights": feeds.pop("weights")}
    shapes = {name: array.shape for name, array in feeds.items()}
    with pytest.raises(ImportFailure, match="the parameters 'weights' are data, but the layers' weights must be known when the model is compiled"):
        import_model((symbol, {}, {}), shapes={**shapes, "weights": weights["weights"].shape})
    with pytest.raises(ImportFailure, match="294 parameters, but gru of 1 layers with 7 units in 1 direction and 6 inputs has 315"):
        import_model((symbol, weights, {}), shapes={**shapes, "data": (4, 3, 6)})
    with pytest.raises(ImportFailure, match=r"data of shape \(4, 3\), expected \(steps, batch, channels\)"):
        import_model((symbol, weights, {}), shapes={**shapes, "data": (4, 3)})
    with pytest.raises(ImportFailure, match=r"state operand 'state' has shape \(1, 3, 8\), expected \(1, 3, 7\)"):
        import_model((symbol, weights, {}), shapes={**shapes, "state": (1, 3, 8)})
    with pytest.raises(ImportFailure, match="data of i32, expected floats"):
        import_model((symbol, weights, {}), shapes=shapes, dtypes={"data": "int32"})
    with pytest.raises(ImportFailure, match="3 inputs, expected 4"):
        import_model((mx.sym.RNN(*map(mx.sym.var, ("data", "weights", "state")), mode="gru", state_size=7, num_layers=1).tojson().replace('"gru"', '"lstm"'),
                      weights, {}), shapes=shapes)


def test_joined_data_is_no_parameter(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    parts = {name: rng.uniform(-1, 1, 4).astype(np.float32) for name in "ab"}
    check(mx.sym._internal._rnn_param_concat(*map(mx.sym.var, parts), dim=0, num_args=2, name="joined"), parts, batch=False)
