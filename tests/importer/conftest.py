"""MXNet itself, the oracle of the importer's tests, where it is installed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.importer import import_model
from ngc.importer.operators import OPERATORS, Conversion
from ngc.ir import Graph, Value, evaluate

Arrays = Mapping[str, np.ndarray]


def run_mxnet(mx: ModuleType, symbol: Any, feeds: Arrays) -> list[np.ndarray]:
    """Returns what MXNet computes at inference for all arguments and auxiliary states given by name."""
    arrays = {name: mx.nd.array(values, dtype=values.dtype) for name, values in feeds.items()}
    args = {name: arrays[name] for name in symbol.list_arguments()}
    states = {name: arrays[name] for name in symbol.list_auxiliary_states()}
    executor = symbol.bind(mx.cpu(), args, aux_states=states, grad_req="null")
    return [output.asnumpy() for output in executor.forward(is_train=False)]


def assert_close(actual: np.ndarray, expected: np.ndarray, *, reduction: int, scale: float = 8) -> None:
    """Compares by the dtype's rounding: `scale` units in the last place, times the root of `reduction`."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    finite = np.abs(expected[np.isfinite(expected)])
    relative = scale * np.finfo(expected.dtype).eps * np.sqrt(reduction)
    np.testing.assert_allclose(
        actual, expected, rtol=relative, atol=relative * (finite.max() if finite.size else 0)
    )


def compare(
    symbol: Any,
    feeds: Arrays,
    expected: Sequence[np.ndarray],
    params: tuple[str, ...] = (),
    *,
    batch: bool = True,
    reduction: int = 1,
    scale: float = 8,
    labels: tuple[str, ...] = (),
) -> Graph:
    """Imports a symbol, evaluates it and compares it with what MXNet computed; see `check`."""
    known = {name: feeds[name] for name in params}
    data = {name: values for name, values in feeds.items() if name not in (*params, *labels)}
    dtypes = {name: values.dtype for name, values in data.items()}
    shapes = {name: ("N", *values.shape[1:]) if batch else values.shape for name, values in data.items()}
    graph = import_model((symbol, known, {}), shapes=shapes, dtypes=dtypes)
    assert graph.output_names == tuple(symbol.list_outputs())
    for actual, wanted in zip(evaluate(graph, data), expected, strict=True):
        assert_close(actual, wanted, reduction=reduction, scale=scale)
    return graph


@pytest.fixture(scope="session")
def check(mx: ModuleType) -> Callable[..., Graph]:
    """Returns a function that imports a symbol, evaluates it and compares it with MXNet.

    `params` names the feeds that are parameters, `labels` those that inference does without; `batch` says
    whether the first dimension of the data is the run-time batch; `reduction` how many terms an output sums.
    """
    return lambda symbol, feeds, params=(), **how: compare(symbol, feeds, run_mxnet(mx, symbol, feeds), params, **how)


@pytest.fixture
def check_np(mx: ModuleType) -> Iterator[Callable[..., Graph]]:
    """Returns a function that does as `check` does with what a function makes of `mx.sym.np` and variables, under numpy's rules.

    The variables are called x0, x1 and so on; a function that returns several symbols makes a group of them.
    """

    def run(function: Callable[..., Any], *arrays: np.ndarray, batch: bool = False, **how: Any) -> Graph:
        variables = [mx.sym.var(f"x{number}").as_np_ndarray() for number in range(len(arrays))]
        made = function(mx.sym.np, *variables)
        symbol = mx.sym.Group(list(made)) if isinstance(made, list | tuple) else made
        feeds = {f"x{number}": array for number, array in enumerate(arrays)}
        executor = symbol.bind(mx.cpu(), {name: mx.np.array(array, dtype=array.dtype) for name, array in feeds.items()}, grad_req="null")
        return compare(symbol, feeds, [output.asnumpy() for output in executor.forward(is_train=False)], batch=batch, **how)

    mx.util.set_np()
    yield run
    mx.util.reset_np()


@pytest.fixture
def rng() -> np.random.Generator:
    """Returns a generator that is seeded alike for every test."""
    return np.random.default_rng(7)


@pytest.fixture(autouse=True)
def operators_become_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds every conversion of these tests against what its operator's row says that it becomes."""
    append = Conversion.op

    def checked(conversion: Conversion, op: str, *inputs: Value, **attrs: Any) -> Value:
        row = OPERATORS.get(conversion.node.op)
        assert row is None or op in row.becomes, f"{conversion.node.op} becomes {op}, which its row in OPERATORS does not say"
        return append(conversion, op, *inputs, **attrs)

    monkeypatch.setattr(Conversion, "op", checked)
