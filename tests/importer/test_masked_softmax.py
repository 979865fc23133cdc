"""Softmax under a mask, which MXNet has since 2.0, against its definition in numpy; and the attention that GluonNLP 2 makes of it, compiled."""

import json

import numpy as np
import pytest

import ngc
from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import evaluate
from tests.importer.test_build import graph_json, node, variable
from tests.importer.test_numpy_later import computed


def masked_softmax(data: np.ndarray, mask: np.ndarray, axis: int = -1, temperature: float = 1.0) -> np.ndarray:
    """Returns powers of what the mask keeps, over their sum; zeros elsewhere, and in rows of which it keeps nothing."""
    kept = np.broadcast_to(mask, data.shape)
    scores = np.where(kept, data.astype(np.float64) / temperature, -np.inf)
    largest = scores.max(axis, keepdims=True)
    powers = np.where(kept, np.exp(scores - np.where(np.isfinite(largest), largest, 0)), 0)
    total = powers.sum(axis, keepdims=True)
    return np.asarray(powers / np.where(total, total, 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize(("shape", "axis", "temperature"), [((2, 3, 5), -1, None), ((2, 1, 5), -1, 2.0), ((1, 3, 1), 1, 0.25), ((1, 1, 5), 2, None)])
def test_masked_softmax(dtype: type, shape: tuple[int, ...], axis: int, temperature: float | None, rng: np.random.Generator) -> None:
    data = rng.normal(size=(2, 3, 5)).astype(dtype)
    mask = rng.random(shape) < 0.6
    mask[0, 0] = False
    attrs = {"axis": str(axis), "normalize": "True", **({} if temperature is None else {"temperature": str(temperature)})}
    wanted = masked_softmax(data, mask, axis, temperature or 1.0)
    tolerance = 4 * float(np.finfo(dtype).eps)
    weights = computed("_npx_masked_softmax", data, mask, **attrs)
    assert weights.dtype == dtype
    np.testing.assert_allclose(weights, wanted, rtol=tolerance, atol=tolerance)
    logarithms = computed("_npx_masked_log_softmax", data, mask, **attrs)
    kept = np.broadcast_to(mask, data.shape)
    assert np.all(logarithms[~kept] == -np.inf)
    np.testing.assert_allclose(logarithms[kept], np.log(wanted[kept]), rtol=tolerance, atol=4 * tolerance)


@pytest.mark.parametrize(("data", "mask", "attrs", "message"), [
    (np.float32, np.ones((2, 3), np.float32), {}, "data of f32 and a mask of f32, expected floats and bool"),
    (np.int32, np.ones((2, 3), bool), {}, "data of i32 and a mask of bool, expected floats and bool"),
    (np.float32, np.ones((3,), bool), {}, r"a mask of shape \(3,\) for data of shape \(2, 3\), expected its sizes or ones"),
    (np.float32, np.ones((2, 2), bool), {}, r"a mask of shape \(2, 2\) for data of shape \(2, 3\)"),
    (np.float32, np.ones((2, 3), bool), {"temperature": "0"}, "temperature = 0: expected another number"),
    (np.float32, np.ones((2, 3), bool), {"axis": "2"}, "axis 2 is outside data of 2 dimensions"),
])
def test_refusals(data: type, mask: np.ndarray, attrs: dict[str, str], message: str) -> None:
    with pytest.raises(ImportFailure, match=message):
        computed("_npx_masked_softmax", np.ones((2, 3), data), mask, **attrs)


@pytest.mark.parametrize("batch", [("N", "N"), ("N", 1), (3, 3)], ids=str)
def test_attention_with_a_masked_softmax_is_fused(batch: tuple[int | str, int | str], rng: np.random.Generator) -> None:
    """Scores are divided by a temperature, as GluonNLP's attention cells do; one row of a mask keeps nothing, and its context is zero."""
    symbol = graph_json(
        *map(variable, ("q", "k", "v", "mask")), node("_npx_batch_dot", "scores", 0, 1, transpose_b="True"),
        node("_npx_masked_softmax", "weights", 4, 3, axis="-1", temperature="4.0"), node("_npx_batch_dot", "context", 5, 2))
    shapes = {**dict.fromkeys("qkv", (batch[0], 7, 16)), "mask": (batch[1], 7, 7)}
    dtypes = {**dict.fromkeys("qkv", np.float32), "mask": np.bool_}
    feeds: dict[str, np.ndarray] = {name: rng.normal(size=(3, 7, 16)).astype(np.float32) for name in "qkv"}
    feeds["mask"] = rng.random((1 if batch[1] == 1 else 3, 7, 7)) < 0.7
    feeds["mask"][0, 2] = False
    wanted = masked_softmax(feeds["q"] @ feeds["k"].swapaxes(1, 2), feeds["mask"], temperature=4.0) @ feeds["v"]
    model = import_model((json.dumps(symbol), {}, {}), shapes=shapes, dtypes=dtypes)
    np.testing.assert_allclose(evaluate(model, feeds)[0], wanted, rtol=1e-5, atol=1e-6)
    executable = ngc.compile(model)
    assert [each.op for each in executable.graph if "softmax" in each.op or each.op == "attention"] == ["attention"]
    [context] = executable.run(feeds)
    assert not context[0, 2].any()
    np.testing.assert_allclose(context, wanted, rtol=1e-5, atol=1e-6)
