"""Activations, the softmax family and output layers against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model

Check = Callable[..., Any]


def data_of(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-4, 4, shape).astype(np.float32)


@pytest.mark.parametrize("kind", ["relu", "sigmoid", "tanh", "softrelu", "softsign"])
def test_activation(kind: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.Activation(mx.sym.var("data"), act_type=kind, name="act")
    check(symbol, {"data": data_of(rng, 2, 3, 40)})


@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"act_type": "leaky", "slope": 0.1},
        {"act_type": "elu", "slope": 1.5},
        {"act_type": "selu"},
        {"act_type": "gelu"},
    ],
    ids=str,
)
def test_leaky_relu(attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.LeakyReLU(mx.sym.var("data"), name="act", **attrs)
    check(symbol, {"data": data_of(rng, 2, 3, 40)})


def test_rrelu_takes_the_middle_of_its_range(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.LeakyReLU(
        mx.sym.var("data"), name="act", act_type="rrelu", lower_bound=0.1, upper_bound=0.4
    )
    check(symbol[0], {"data": data_of(rng, 2, 3, 40)})


@pytest.mark.parametrize(
    ("shape", "gamma"),
    [((2, 3, 4, 5), (3,)), ((2, 3, 4), (1,)), ((2, 3), (3,)), ((2, 3, 4, 5), (1, 3)), ((2, 3), (1, 1))],
)
def test_prelu(
    shape: tuple[int, ...], gamma: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.LeakyReLU(mx.sym.var("data"), mx.sym.var("gamma"), act_type="prelu", name="act")
    feeds = {"data": data_of(rng, *shape), "gamma": data_of(rng, *gamma)}
    check(symbol, feeds, ("gamma",))


def test_prelu_slopes_of_another_shape(mx: ModuleType) -> None:
    symbol = mx.sym.LeakyReLU(mx.sym.var("data"), mx.sym.var("gamma"), act_type="prelu", name="act")
    params = {"gamma": np.zeros((1, 3, 1, 1), np.float32)}
    with pytest.raises(ImportFailure, match=r"'gamma' has shape \(1, 3, 1, 1\), expected \(3,\)"):
        import_model((symbol, params, {}), shapes={"data": (2, 3, 4, 5)})


@pytest.mark.parametrize("op", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("attrs", [{}, {"axis": 1}, {"axis": -2, "temperature": 2.5}], ids=str)
def test_softmax(
    op: str, attrs: dict[str, Any], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = getattr(mx.sym, op)(mx.sym.var("data"), name="prob", **attrs)
    check(symbol, {"data": data_of(rng, 2, 3, 5)}, reduction=5)


def test_softmax_to_another_dtype(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.softmax(mx.sym.var("data"), name="prob", dtype="float64")
    # MXNet computes in float32 inside, whatever the result's type is: 1e9 float64 units are one float32 unit.
    check(symbol, {"data": data_of(rng, 2, 7)}, scale=2e9)


@pytest.mark.parametrize(
    ("shape", "label", "attrs"),
    [
        ((4, 5), (4,), {}),
        ((4, 5), (4,), {"grad_scale": 2.0, "normalization": "batch", "use_ignore": True}),
        ((2, 3, 4), (2, 4), {"multi_output": True}),
        ((2, 3, 4, 5), (2, 20), {"multi_output": True, "preserve_shape": True}),
        ((2, 3, 4), (2, 3), {"preserve_shape": True}),
    ],
)
def test_softmax_output(
    shape: tuple[int, ...],
    label: tuple[int, ...],
    attrs: dict[str, Any],
    mx: ModuleType,
    check: Check,
    rng: np.random.Generator,
) -> None:
    symbol = mx.sym.SoftmaxOutput(mx.sym.var("data"), name="softmax", **attrs)
    feeds = {"data": data_of(rng, *shape), "softmax_label": np.zeros(label, np.float32)}
    graph = check(symbol, feeds, labels=("softmax_label",), reduction=5)
    assert [value.name for value in graph.inputs] == ["data"]


def test_softmax_output_over_all_trailing_dimensions(
    mx: ModuleType, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    from ngc.ir import evaluate

    symbol = mx.sym.SoftmaxOutput(mx.sym.var("data"), name="softmax")
    graph = import_model(symbol, shapes={"data": ("N", 3, 4)})
    data = data_of(rng, 2, 3, 4)
    exponents = np.exp(data)
    expected = exponents / exponents.sum(axis=(1, 2), keepdims=True)
    (actual,) = evaluate(graph, {"data": data})
    np.testing.assert_allclose(actual, expected, rtol=1e-6)  # float32 with 12 terms
    assert "softmax over all of 2 trailing dimensions" in caplog.text


@pytest.mark.parametrize(
    ("mode", "shape"), [("instance", (2, 3, 4)), ("channel", (2, 3, 4, 5)), ("instance", (3, 7))]
)
def test_softmax_activation(
    mode: str, shape: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = mx.sym.SoftmaxActivation(mx.sym.var("data"), mode=mode, name="prob")
    check(symbol, {"data": data_of(rng, *shape)}, reduction=7)


@pytest.mark.parametrize(
    "op", ["LinearRegressionOutput", "MAERegressionOutput", "LogisticRegressionOutput", "SVMOutput"]
)
def test_regression_outputs(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = getattr(mx.sym, op)(mx.sym.var("data"), name="loss")
    label = np.zeros(4 if op == "SVMOutput" else (4, 5), np.float32)
    check(symbol, {"data": data_of(rng, 4, 5), "loss_label": label}, labels=("loss_label",))


@pytest.mark.parametrize("op", ["MakeLoss", "make_loss", "BlockGrad", "identity"])
def test_pass_through(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    check(getattr(mx.sym, op)(mx.sym.var("data"), name="same"), {"data": data_of(rng, 4, 5)})


def test_hard_sigmoid_and_smooth_l1(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    data = mx.sym.var("data")
    feeds = {"data": data_of(rng, 4, 50)}
    check(mx.sym.hard_sigmoid(data, name="h"), feeds)
    check(mx.sym.hard_sigmoid(data, alpha=0.3, beta=0.4, name="h"), feeds)
    check(mx.sym.smooth_l1(data, scalar=2.0, name="s"), feeds)
    check(mx.sym.smooth_l1(data, scalar=1.0, name="s"), feeds)


def test_refusals(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    with pytest.raises(ImportFailure, match="softmax needs floating-point data, not i32"):
        import_model(mx.sym.softmax(data), shapes={"data": (2, 3)}, dtypes={"data": "int32"})
    with pytest.raises(ImportFailure, match="mode=channel needs data of 3 dimensions"):
        import_model(mx.sym.SoftmaxActivation(data, mode="channel"), shapes={"data": (2, 3)})
    text = mx.sym.Activation(data, act_type="relu").tojson().replace('"relu"', '"mish"')
    with pytest.raises(ImportFailure, match="act_type = 'mish': expected one of relu, sigmoid"):
        import_model(text, shapes={"data": (2, 3)})
