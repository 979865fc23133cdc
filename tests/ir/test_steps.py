"""Steps: the vocabulary, the checks and the evaluation."""

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import STEPS, GraphBuilder, Step, SymDim, Value, evaluate
from ngc.ir.steps import evaluate_steps, operand_count, tee_count

X = np.linspace(-2, 2, 2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2)
V = np.array([0.5, -1.0, 2.0], np.float32)
PER_CHANNEL = V.reshape(1, 3, 1, 1)


@pytest.mark.parametrize(("step", "operands", "wanted"), [
    (Step("bias"), [V], X + PER_CHANNEL),
    (Step("affine"), [V, V], X * PER_CHANNEL + PER_CHANNEL),
    (Step("prelu"), [V], np.where(X > 0, X, X * PER_CHANNEL)),
    (Step("prelu"), [V[:1]], np.where(X > 0, X, X * 0.5)),
    (Step("add"), [X], X + X),
    (Step("multiply"), [X[:, :, :1, :1]], X * X[:, :, :1, :1]),
    (Step("scale", (2.0, 1.0)), [], X * 2 + 1),
    (Step("relu"), [], np.maximum(X, 0)),
    (Step("clip", (-0.5, 1.0)), [], np.clip(X, -0.5, 1.0)),
    (Step("tee"), [], X),
], ids=lambda item: item.kind if isinstance(item, Step) else "")
def test_each_kind(step: Step, operands: list[np.ndarray], wanted: np.ndarray) -> None:
    got, tees = evaluate_steps([step], operands, X, 1)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)  # one or two roundings of f32
    assert got.dtype == np.float32
    assert len(tees) == (step.kind == "tee")


def test_steps_fold_in_order_and_tees_keep_what_was_there() -> None:
    steps = [Step("bias"), Step("tee"), Step("relu"), Step("tee"), Step("scale", (3.0, 0.0))]
    assert operand_count(steps) == 1
    assert tee_count(steps) == 2
    got, tees = evaluate_steps(steps, [V], X, 1)
    np.testing.assert_array_equal(tees[0], X + PER_CHANNEL)
    np.testing.assert_array_equal(tees[1], np.maximum(tees[0], 0))
    np.testing.assert_array_equal(got, tees[1] * np.float32(3))


def test_the_channel_axis_of_dense_is_the_last() -> None:
    got, _ = evaluate_steps([Step("bias")], [V], np.zeros((2, 3), np.float32), -1)
    np.testing.assert_array_equal(got, [V, V])


@pytest.mark.parametrize(("kind", "params", "text"), [
    ("rleu", (), "unknown step 'rleu'; known: abs, add, add_scaled, affine, bias"),
    ("clip", (1.0,), "step clip takes the numbers (a_min, a_max), 1 were given"),
    ("relu", (1.0,), "step relu takes the numbers (), 1 were given"),
])
def test_what_is_no_step(kind: str, params: tuple[float, ...], text: str) -> None:
    with pytest.raises(VerifyError) as caught:
        Step(kind, params)
    assert text in str(caught.value)


def operand(b: GraphBuilder, *shape: int, dtype: type = np.float32) -> Value:
    return b.const("operand", np.ones(shape, dtype))


@pytest.mark.parametrize(("kind", "shape", "dtype", "text"), [
    ("bias", (5,), np.float32, "epilogue of conv2d: step bias takes an operand of shape (4,), not (5,)"),
    ("bias", (1,), np.float32, "epilogue of conv2d: step bias takes an operand of shape (4,), not (1,)"),
    ("prelu", (2,), np.float32, "epilogue of conv2d: step prelu takes an operand of shape (4,), not (2,)"),
    ("add", (1, 4, 2, 2), np.float32, "epilogue of conv2d: step add takes an operand of shape (N, 4, 2, 2), not (1, 4, 2, 2)"),
    ("bias", (4,), np.float64, "epilogue of conv2d: step bias takes an operand of dtype f32, not f64"),
])
def test_operands_that_do_not_fit(kind: str, shape: tuple[int, ...], dtype: type, text: str) -> None:
    b = GraphBuilder()
    x = b.input("x", (SymDim(), 3, 2, 2))
    w = b.const("w", np.ones((4, 3, 1, 1), np.float32))
    with pytest.raises(VerifyError) as caught:
        b.op("conv2d", x, w, operand(b, *shape, dtype=dtype), epilogue=(Step(kind),))
    assert str(caught.value) == text


def test_steps_on_what_has_no_channels() -> None:
    b = GraphBuilder()
    x = b.input("x", (3,))
    with pytest.raises(VerifyError, match=r"epilogue of eltwise: step bias works on channels, which \(3,\) does not have"):
        b.op("eltwise", x, operand(b, 3), epilogue=(Step("bias"),))
    assert b.op("eltwise", x, x, epilogue=(Step("add"), Step("relu"))).type.shape == (3,)


def test_a_prologue_stores_nothing() -> None:
    b = GraphBuilder()
    x = b.input("x", (1, 3, 2, 2))
    with pytest.raises(VerifyError, match="prologue of conv2d: only an epilogue can store a further result with tee"):
        b.op("conv2d", x, b.const("w", np.ones((4, 3, 1, 1), np.float32)), prologue=(Step("tee"),))


def test_prologue_operands_come_before_those_of_the_epilogue() -> None:
    b = GraphBuilder()
    x = b.input("x", (2, 3, 2, 2))
    w, s, t, v = (b.const(name, array) for name, array in (("w", np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)), ("s", V), ("t", 2 * V), ("v", 3 * V)))
    y = b.op("conv2d", x, w, s, t, v, prologue=(Step("affine"), Step("relu")), epilogue=(Step("bias"),))
    got = evaluate(b.finish([y]), {"x": X})[0]
    wanted = np.maximum(X * PER_CHANNEL + 2 * PER_CHANNEL, 0) + 3 * PER_CHANNEL
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)  # a product by the identity, then one rounding


def test_every_kind_is_described() -> None:
    assert all(definition.doc for definition in STEPS.values())
