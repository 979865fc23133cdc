"""Products of matrices, attention, layer normalization and softmax within lengths: what they take, and what they are at the edges."""

import re

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, SymDim, evaluate

Operands = list[tuple[tuple[object, ...], str]]
QKV: Operands = [((2, 3, 4), "f32"), ((2, 5, 4), "f32"), ((2, 5, 6), "f32")]


@pytest.mark.parametrize(("op", "types", "attrs", "message"), [
    ("matmul", [((3,), "f32"), ((3, 4), "f32")], {}, "matmul takes two operands of rank 2 or more and one dtype of floats"),
    ("matmul", [((2, 3), "f32"), ((3, 4), "f64")], {}, "matmul takes two operands of rank 2 or more and one dtype of floats"),
    ("matmul", [((2, 3), "i32"), ((3, 4), "i32")], {}, "matmul takes two operands of rank 2 or more and one dtype of floats"),
    ("matmul", [((2, 3), "f32"), ((3, 4), "f32")], {"transpose_a": True}, "matmul: matrices (3, 2) and (3, 4) cannot be multiplied, 2 is not 3"),
    ("matmul", [((2, 3, 4), "f32"), ((3, 4, 5), "f32")], {}, "matmul: shapes (2,) and (3,) cannot be broadcast together"),
    ("matmul", [((SymDim(), 3), "f32"), ((3, SymDim()), "f32")], {}, "two dimensions that depend on N are multiplied; compile with a fixed batch instead"),
    ("attention", [*QKV[:2], ((5, 6), "f32")], {}, "attention takes queries, keys and values of one rank and one dtype of floats"),
    ("attention", [*QKV[:2], ((2, 4, 6), "f32")], {}, "keys have the queries' elements and the values' rows"),
    ("attention", QKV, {"mask": "add"}, "attention with mask=add takes 4 operands, not 3"),
    ("attention", [*QKV, ((2, 3, 5), "f32")], {}, "attention with mask=none takes 3 operands, not 4"),
    ("attention", [*QKV, ((3, 5), "f32")], {"mask": "select"}, "takes a mask of shape (2, 3, 5) and dtype f32, not f32[3,5]"),
    ("attention", [*QKV, ((2, 3), "f32")], {"mask": "length"}, "takes a mask of shape (2, 3) and dtype i32 or i64, not f32[2,3]"),
    ("attention", [*QKV, ((2, 3, 5), "f32")], {"mask": "add", "zero": True}, "attention: zero belongs to mask=select, not to mask=add"),
    ("layer_norm", [((2, 3), "f32"), ((2,), "f32"), ((3,), "f32")], {}, "layer_norm: gamma needs the type f32[3] for data f32[2,3], not f32[2]"),
    ("layer_norm", [((2, 3), "i32"), ((3,), "i32"), ((3,), "i32")], {}, "layer_norm takes floats, not i32"),
    ("layer_norm", [((2, 3), "f32"), ((3,), "f32"), ((3,), "f32")], {"axis": 2}, "layer_norm: axis 2 is outside a tensor of rank 2"),
    ("softmax", [((2, 3), "f32"), ((3,), "i32")], {}, "softmax: lengths need the shape (2,) and the dtype i32 or i64 for data f32[2,3], not i32[3]"),
    ("softmax", [((2, 3), "f32"), ((2,), "f32")], {}, "softmax: lengths need the shape (2,) and the dtype i32 or i64"),
])  # fmt: skip
def test_what_operators_refuse(op, types, attrs, message):
    b = GraphBuilder()
    with pytest.raises(VerifyError, match=re.escape(message)):
        b.op(op, *(b.input(f"x{number}", shape, dtype) for number, (shape, dtype) in enumerate(types)), **attrs)


def test_a_batch_of_the_run_is_broadcast():
    b = GraphBuilder()
    a, c = b.input("a", (SymDim(), 2, 3, 4), "f32"), b.input("c", (1, 4, 5), "f32")
    assert b.op("matmul", a, c).type.shape == (SymDim(), 2, 3, 5)


def value_of(op, *arrays, **attrs):
    b = GraphBuilder()
    names = {np.dtype(np.float32): "f32", np.dtype(np.int32): "i32", np.dtype(np.float64): "f64"}
    result = b.op(op, *(b.input(f"x{number}", array.shape, names[array.dtype]) for number, array in enumerate(arrays)), **attrs)
    return evaluate(b.finish([result]), {f"x{number}": array for number, array in enumerate(arrays)})[0]


def test_softmax_of_empty_rows_is_zero_and_of_infinities_is_not_a_number():
    x = np.array([[1, 2, 3], [-np.inf, -np.inf, 5], [np.nan, 1, 2]], np.float32)
    result = value_of("softmax", x, np.array([0, 2, 3], np.int32))
    assert (result[0] == 0).all()
    assert np.isnan(result[1, :2]).all()
    assert result[1, 2] == 0
    assert np.isnan(result[2]).all()


def test_attention_is_the_products_around_a_softmax():
    rng = np.random.default_rng(3)
    q, k, v, mask = (rng.normal(size=shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 6), (2, 3, 5)))
    scores = 0.5 * q @ k.swapaxes(1, 2)

    def softmax(x):
        powers = np.exp(x)
        return powers / powers.sum(-1, keepdims=True)

    keep = (mask > 0).astype(float)
    # Doubles, a few dozen operations.
    np.testing.assert_allclose(value_of("attention", q, k, v, scale=0.5), softmax(scores) @ v, rtol=1e-12)
    np.testing.assert_allclose(value_of("attention", q, k, v, mask, scale=0.5, mask="add"), softmax(scores + mask) @ v, rtol=1e-12)
    selected = softmax(np.where(keep > 0, scores, -3.0))
    np.testing.assert_allclose(value_of("attention", q, k, v, keep, scale=0.5, mask="select", fill=-3.0), selected @ v, rtol=1e-12)
    np.testing.assert_allclose(value_of("attention", q, k, v, keep, scale=0.5, mask="select", fill=-3.0, zero=True), (selected * keep) @ v, rtol=1e-12,
                               atol=1e-15)
    lengths = np.full((2, 3), 2, np.int32)
    np.testing.assert_allclose(value_of("attention", q, k, v, lengths, scale=0.5, mask="length"), softmax(scores[..., :2]) @ v[:, :2], rtol=1e-12)
