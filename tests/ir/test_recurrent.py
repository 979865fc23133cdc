"""What recurrent layers take, and what their evaluation means in cases that are known without it."""

import numpy as np
import pytest

from ngc.engines.operator_forms.recurrent import MOST_STEPS
from ngc.engines.stablehlo_forms import why_no_stablehlo
from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, Value, evaluate, parse
from ngc.ir.ops.recurrent import GATES
from tests.operator_samples.recurrent import shapes


def append(shapes_of: list[tuple[int, ...]], mode: str, dtypes: dict[int, str] | None = None, **attrs: object) -> Value:
    """Appends a layer whose operands are inputs of some shapes."""
    builder = GraphBuilder()
    values = [builder.input(f"x{number}", shape, (dtypes or {}).get(number, "f32")) for number, shape in enumerate(shapes_of)]
    return builder.op("recurrent", *values, mode=mode, **attrs)


@pytest.mark.parametrize("mode", GATES)
def test_types(mode: str) -> None:
    y = append(shapes(mode, 2), mode, bidirectional=True)
    assert y.producer is not None
    assert [value.type.shape for value in y.producer.outputs] == [(3, 2, 10), *[(2, 2, 5)] * (1 + (mode == "lstm"))]


@pytest.mark.parametrize(("change", "mode", "message"), [
    (lambda s: [*s, s[4], (2,)], "gru", "gru takes x, w, r, b, state, and lengths"),
    (lambda s: s[:5], "lstm", "lstm takes x, w, r, b, state and cell, and lengths"),
    (lambda s: [(3, 2), *s[1:]], "gru", r"data \(T, N, C\) and recurrent weights \(rows, H\) are needed, not \(3, 2\) and \(15, 5\)"),
    (lambda s: [s[0], (15, 3), *s[2:]], "gru", r"w has the shape \(15, 3\); gru of 5 units in 1 direction needs \(15, 4\)"),
    (lambda s: [*s[:3], (2, 14), *s[4:]], "gru", r"b has the shape \(2, 14\); gru of 5 units in 1 direction needs \(2, 15\)"),
    (lambda s: [*s[:4], (1, 3, 5)], "gru", r"a state has the shape \(1, 3, 5\), not \(1, 2, 5\) or one row"),
    (lambda s: [*s, (2,)], "gru", r"lengths are i32 of the shape \(2,\), not f32\[2\]"),
])
def test_operands_that_do_not_fit(change, mode: str, message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        append(change(shapes(mode, 1)), mode)


def test_attributes_that_do_not_fit() -> None:
    with pytest.raises(VerifyError, match="recurrent takes floats of one dtype, not f32, f32, f16, f32, f32"):
        append(shapes("gru", 1), "gru", {2: "f16"})
    with pytest.raises(VerifyError, match="clip_min and clip_max bound the cell of an LSTM, which gru does not have"):
        append(shapes("gru", 1), "gru", clip_max=1.0)


def test_without_weights_of_the_state_steps_are_alone() -> None:
    """y = tanh(x): one unit, a weight of one, none of the state; the backward direction gives the same, its last state is the first step's."""
    builder = GraphBuilder()
    ones, zeros = np.ones((2, 1), np.float32), np.zeros((2, 1), np.float32)
    values = [builder.const("w", ones), builder.const("r", zeros), builder.const("b", np.zeros((2, 2), np.float32)),
              builder.const("h", np.full((2, 1, 1), 9, np.float32))]
    y = builder.op("recurrent", builder.input("x", (3, 1, 1)), *values, builder.input("lengths", (1,), "i32"), mode="rnn_tanh", bidirectional=True)
    assert y.producer is not None
    graph = parse(str(builder.finish(y.producer.outputs)))
    for value, constant in zip((value for value in graph.values() if value.is_const), values, strict=True):
        assert value.producer is not None
        assert constant.producer is not None
        value.producer.weight = constant.producer.weight
    x = np.array([0.1, 0.2, 0.3], np.float32).reshape(3, 1, 1)
    result, last = evaluate(graph, {"x": x, "lengths": np.array([2], np.int32)})
    np.testing.assert_allclose(result[:, 0], [[np.tanh(0.1)] * 2, [np.tanh(0.2)] * 2, [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(last[:, 0, 0], [np.tanh(0.2), np.tanh(0.1)], rtol=1e-6)


def test_long_layers_are_not_unrolled() -> None:
    x, *rest = shapes("gru", 2)
    node = append([(MOST_STEPS // 2 + 1, *x[1:]), *rest], "gru", bidirectional=True).producer
    assert node is not None
    assert why_no_stablehlo(node) == f"{MOST_STEPS + 2} steps are more than the {MOST_STEPS} that are unrolled"
