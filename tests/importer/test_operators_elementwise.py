"""Unary mathematics, two operands, scalars and casts against MXNet."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model

Check = Callable[..., Any]

DOMAINS = {
    "sqrt": (0, 4),
    "rsqrt": (0.1, 4),
    "log": (0.1, 4),
    "log10": (0.1, 4),
    "log2": (0.1, 4),
    "log1p": (-0.9, 4),
    "rcbrt": (0.1, 4),
    "reciprocal": (0.1, 4),
    "arcsin": (-1, 1),
    "arccos": (-1, 1),
    "arctanh": (-0.9, 0.9),
    "arccosh": (1, 4),
    "erfinv": (-0.9, 0.9),
    "gamma": (0.1, 4),
    "gammaln": (0.1, 4),
}
UNARY = (
    "relu sigmoid softsign abs negative reciprocal sign round rint ceil floor trunc fix square sqrt rsqrt cbrt rcbrt "
    "exp log log10 log2 log1p expm1 sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh degrees "
    "radians erf erfinv gamma gammaln logical_not"
)


@pytest.mark.parametrize("op", UNARY.split())
def test_unary(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    low, high = DOMAINS.get(op, (-4, 4))
    data = rng.uniform(low, high, (2, 50)).astype(np.float32)
    halves = np.arange(-6, 6, dtype=np.float32).repeat(2)[:24].reshape(2, 12) / 2 if op not in DOMAINS else data[:, :12]
    # The oracle itself computes tan, gamma and erfinv in float32 with several units of error.
    check(getattr(mx.sym, op)(mx.sym.var("data"), name="z"), {"data": np.hstack([data, halves])}, scale=32)


BROADCAST = "add sub mul div mod power maximum minimum hypot equal not_equal greater greater_equal lesser lesser_equal"
LOGICAL = "logical_and logical_or logical_xor"


def operands(rng: np.random.Generator, op: str, *shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    values = [rng.integers(-3, 4, shape).astype(np.float32) for shape in shapes]
    if op in ("div", "power"):
        values = [np.abs(value) + 0.5 for value in values]
    return dict(zip("ab", values, strict=True))


@pytest.mark.parametrize("op", f"{BROADCAST} {LOGICAL}".split())
def test_broadcast(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = getattr(mx.sym, f"broadcast_{op}")(mx.sym.var("a"), mx.sym.var("b"), name="z")
    check(symbol, operands(rng, op, (2, 1, 5), (1, 4, 1)), batch=False)
    check(symbol, operands(rng, op, (2, 4, 5), (2, 4, 5)))


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div"])
def test_elemwise(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = getattr(mx.sym, f"elemwise_{op}")(mx.sym.var("a"), mx.sym.var("b"), name="z")
    check(symbol, operands(rng, op, (2, 5), (2, 5)))


@pytest.mark.parametrize("op", ["_mod", "_power", "_maximum", "_equal", "_lesser_equal", "_logical_xor", "_hypot"])
def test_operators_of_equal_shapes(op: str, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = getattr(mx.sym._internal, op)(mx.sym.var("a"), mx.sym.var("b"), name="z")
    check(symbol, operands(rng, op.lstrip("_"), (2, 5), (2, 5)))


SCALARS = (
    "plus minus rminus mul div rdiv mod rmod power rpower maximum minimum hypot equal not_equal greater "
    "greater_equal lesser lesser_equal logical_and logical_or logical_xor"
)


@pytest.mark.parametrize("op", SCALARS.split())
@pytest.mark.parametrize("scalar", [1.5, -2.0, 0.0])
def test_scalar(op: str, scalar: float, mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    if op == "rpower" and scalar < 0:
        scalar = 2.5  # a negative base with a fraction gives NaN on both sides
    symbol = getattr(mx.sym._internal, f"_{op}_scalar")(mx.sym.var("data"), scalar=scalar, name="z")
    data = rng.integers(-3, 4, (4, 6)) * 0.5
    check(symbol, {"data": data.astype(np.float32)})


@pytest.mark.parametrize(("op", "scalar"), [("mul", 1.5), ("plus", 2.9), ("div", 2.0), ("rminus", -1.5), ("greater", 1.5)])
def test_scalar_is_truncated_for_integers(
    op: str, scalar: float, mx: ModuleType, check: Check, rng: np.random.Generator
) -> None:
    symbol = getattr(mx.sym._internal, f"_{op}_scalar")(mx.sym.var("data"), scalar=scalar, name="z")
    check(symbol, {"data": rng.integers(-9, 9, (4, 6)).astype(np.int32)})


def test_integer_arithmetic(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    feeds = {"a": rng.integers(-9, 9, (4, 6)).astype(np.int32), "b": np.full((4, 6), 4, np.int32)}
    for op in ("broadcast_div", "broadcast_mod", "broadcast_sub"):
        check(getattr(mx.sym, op)(mx.sym.var("a"), mx.sym.var("b"), name="z"), feeds)


def test_special_values(mx: ModuleType, check: Check) -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 0.0, -1.0, 2.0]], np.float32)
    zeros = np.zeros_like(values)
    a, b = mx.sym.var("a"), mx.sym.var("b")
    for op in ("broadcast_div", "broadcast_mod", "broadcast_power"):
        check(getattr(mx.sym, op)(a, b, name="z"), {"a": values[:, 3:], "b": zeros[:, 3:]})
    for op in (mx.sym.ones_like, mx.sym.zeros_like):
        check(op(a, name="z"), {"a": values})
    check(mx.sym.clip(a, a_min=-1.5, a_max=1.5, name="z"), {"a": values})


def test_add_n(mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    names = ["a", "b", "c", "d"]
    feeds = {name: rng.uniform(-1, 1, (2, 5)).astype(np.float32) for name in names}
    check(mx.sym.add_n(*map(mx.sym.var, names), name="z"), feeds, reduction=4)
    check(mx.sym.add_n(mx.sym.var("a"), name="z"), {"a": feeds["a"]})


CASTS = [
    (source, target)
    for source in ("float32", "int32", "uint8")
    for target in ("float32", "float64", "float16", "uint8", "int8", "int32", "int64", "bool")
]


@pytest.mark.parametrize(("source", "target"), CASTS)
def test_cast(source: str, target: str, mx: ModuleType, check: Check) -> None:
    values = np.array([[0, 1, 2.5, 100, 200, 255]]) if source == "uint8" else np.array([[-1, -2.7, 0.5, 300, 70000, 0]])
    check(mx.sym.Cast(mx.sym.var("data"), dtype=target, name="z"), {"data": values.astype(source)})


def test_amp_nodes_keep_float32(mx: ModuleType, rng: np.random.Generator) -> None:
    from ngc.ir import evaluate

    a, b = mx.sym.var("a"), mx.sym.var("b")
    low = mx.sym.amp_cast(a, dtype="float16", name="low")
    first, second = mx.sym.amp_multicast(low, b, num_outputs=2, name="cast")
    text = mx.sym.Group([first, second]).tojson(remove_amp_cast=False)
    graph = import_model(text, shapes={"a": (2, 3), "b": (2, 3)}, dtypes={"b": "float16"})
    assert [value.type.dtype for value in graph.outputs] == ["f32", "f32"]
    feeds = {"a": rng.uniform(-1, 1, (2, 3)).astype(np.float32), "b": np.ones((2, 3), np.float16)}
    np.testing.assert_array_equal(evaluate(graph, feeds)[0], feeds["a"])


@pytest.mark.parametrize("condition", [(2, 5), (2,)])
def test_where(condition: tuple[int, ...], mx: ModuleType, check: Check, rng: np.random.Generator) -> None:
    symbol = mx.sym.where(mx.sym.var("c"), mx.sym.var("a"), mx.sym.var("b"), name="z")
    feeds = operands(rng, "add", (2, 5), (2, 5)) | {"c": rng.integers(0, 2, condition).astype(np.float32)}
    check(symbol, feeds)


def test_shapes_that_do_not_fit(mx: ModuleType) -> None:
    a, b = mx.sym.var("a"), mx.sym.var("b")
    shapes = {"a": (2, 3), "b": (2, 1)}
    with pytest.raises(ImportFailure, match=r"second operand 'b' has shape \(2, 1\), expected \(2, 3\)"):
        import_model(mx.sym.elemwise_add(a, b), shapes=shapes)
    with pytest.raises(ImportFailure, match=r"node 2 'z' \(broadcast_add\): .*cannot be broadcast together"):
        import_model(mx.sym.broadcast_add(a, b, name="z"), shapes=shapes | {"b": (2, 4)})
    with pytest.raises(ImportFailure, match="one dtype, not f32 and i32"):
        import_model(mx.sym.broadcast_add(a, b), shapes=shapes, dtypes={"b": "int32"})


def test_what_matters_to_training_or_storage_alone(mx: ModuleType, check: Check) -> None:
    data = {"data": np.array([[0.5, -1.5, 2.5, 0.0]], np.float32)}
    check(mx.sym.contrib.gradientmultiplier(mx.sym.var("data"), scalar=2, name="z"), data)
    check(mx.sym.cast_storage(mx.sym.var("data"), stype="default", name="z"), data)
    for op in ("round_ste", "sign_ste"):
        check(getattr(mx.sym.contrib, op)(mx.sym.var("data"), name="z"), data)
    for op in ("_scatter_plus_scalar", "_scatter_minus_scalar"):
        check(getattr(mx.sym._internal, op)(mx.sym.var("data"), scalar=2, name="z"), data)
    with pytest.raises(UnsupportedOperator, match="cast_storage with stype=row_sparse, storage that leaves zeros out; tensors of ngc hold all elements"):
        import_model(mx.sym.cast_storage(mx.sym.var("data"), stype="row_sparse"), shapes={"data": (2, 2)})
