"""The reference evaluator, against loops written out here."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from ngc.errors import InputError, VerifyError
from ngc.ir import Graph, GraphBuilder, SymDim, evaluate, opdef, parse
from ngc.ir.tensor_type import bind_shape
from ngc.ir.unary import UNARY, evaluate_unary
from tests.strategies import feeds_for, graphs

RNG = np.random.default_rng(7)


def run(op: str, *arrays: np.ndarray, **attrs: object) -> np.ndarray:
    """Evaluates one operator with checked attributes."""
    definition = opdef(op)
    return definition.evaluate_arrays(arrays, definition.check_attrs(attrs))[0]


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def naive_conv(x: np.ndarray, w: np.ndarray, stride: int, pad: int, dilate: int, groups: int) -> np.ndarray:
    n, c = x.shape[:2]
    o, per_group = w.shape[:2]
    spatial = [(size + 2 * pad - dilate * (k - 1) - 1) // stride + 1 for size, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    result = np.zeros((n, o, *spatial))
    for image, out, *position in product(range(n), range(o), *map(range, spatial)):
        group = out // (o // groups)
        for channel, *tap in product(range(per_group), *map(range, w.shape[2:])):
            at = [p * stride - pad + t * dilate for p, t in zip(position, tap, strict=True)]
            if all(0 <= a < size for a, size in zip(at, x.shape[2:], strict=True)):
                result[(image, out, *position)] += float(x[(image, group * per_group + channel, *at)]) * float(w[(out, channel, *tap)])
    assert c == per_group * groups
    return result


@pytest.mark.parametrize(("rank", "stride", "pad", "dilate", "groups"), [
    (1, 1, 1, 1, 1), (1, 2, 0, 2, 2), (2, 1, 0, 1, 1), (2, 2, 1, 1, 2), (2, 1, 2, 2, 4), (3, 2, 1, 1, 1), (2, 3, 1, 1, 4),
])
def test_convolution(rank: int, stride: int, pad: int, dilate: int, groups: int) -> None:
    x, w = normal(2, 4, *(6, 5, 4)[:rank]), normal(8, 4 // groups, *(3, 2, 2)[:rank])
    got = run(f"conv{rank}d", x, w, stride=(stride,) * rank, pad=(pad,) * rank, dilate=(dilate,) * rank, groups=groups)
    np.testing.assert_allclose(got, naive_conv(x, w, stride, pad, dilate, groups), rtol=1e-6, atol=1e-6)  # double precision, rounded once


def test_convolution_with_uneven_padding() -> None:
    x, w = normal(1, 2, 5, 5), normal(3, 2, 3, 3)
    padded = np.pad(x, [(0, 0), (0, 0), (0, 1), (2, 0)])
    np.testing.assert_array_equal(run("conv2d", x, w, pad=(0, 2), pad_end=(1, 0)), run("conv2d", padded, w))


@pytest.mark.parametrize(("rank", "stride", "pad", "dilate", "groups", "adj"), [(1, 1, 0, 1, 1, 0), (2, 2, 1, 1, 1, 1), (2, 2, 0, 2, 2, 0), (3, 2, 1, 1, 4, 1)])
def test_deconvolution_is_the_gradient_of_convolution(rank: int, stride: int, pad: int, dilate: int, groups: int, adj: int) -> None:
    """<deconv(x, w), y> = <x, conv(y, w)> for every y that convolution maps to x's shape."""
    x, w = normal(2, 4, *(4, 3, 3)[:rank]), normal(4, 8 // groups, *(3, 3, 3)[:rank])
    attrs = {"stride": (stride,) * rank, "pad": (pad,) * rank, "dilate": (dilate,) * rank, "groups": groups}
    up = run(f"deconv{rank}d", x, w, adj=(adj,) * rank, **attrs)
    y = normal(*up.shape)
    down = run(f"conv{rank}d", y, w, **attrs)
    assert down.shape == x.shape
    np.testing.assert_allclose((up.astype(np.float64) * y).sum(), (down.astype(np.float64) * x).sum(), rtol=1e-4)  # f32 results of either sign


def test_dense_works_on_the_last_dimension() -> None:
    x, w = normal(2, 3, 5), normal(4, 5)
    np.testing.assert_allclose(run("dense", x, w), np.einsum("bik,ok->bio", x.astype(np.float64), w), rtol=1e-6, atol=1e-6)  # rounded once


@pytest.mark.parametrize("kind", ["max", "avg", "sum"])
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("convention", ["valid", "full"])
def test_pooling(kind: str, include: bool, convention: str) -> None:
    x = normal(1, 2, 7, 6)
    got = run("pool", x, kind=kind, kernel=(3, 2), stride=(2, 3), pad=(1, 1), convention=convention, count_include_pad=include)
    for channel, row, column in product(range(2), *map(range, got.shape[2:])):
        top, left = row * 2 - 1, column * 3 - 1
        bottom, right = min(top + 3, 8), min(left + 2, 7)
        part = x[0, channel, max(top, 0):min(bottom, 7), max(left, 0):min(right, 6)].astype(np.float64)
        count = (bottom - top) * (right - left) if include else part.size
        wanted = {"max": part.max() if part.size else 0, "sum": part.sum(), "avg": part.sum() / count if count > 0 else 0.0}[kind]
        if part.size:
            assert got[0, channel, row, column] == pytest.approx(wanted, rel=1e-6)  # rounded once
    assert got.shape == (1, 2, *(1 + (-(-span // stride) if convention == "full" else span // stride) for span, stride in ((6, 2), (6, 3))))


def test_batch_norm() -> None:
    x, gamma, beta, mean, var = normal(2, 3, 2, 2), normal(3), normal(3), normal(3), np.abs(normal(3)) + 0.5
    def column(v: np.ndarray) -> np.ndarray:
        return v.astype(np.float64).reshape(1, 3, 1, 1)
    plain = (x - column(mean)) / np.sqrt(column(var) + 1e-5)
    np.testing.assert_allclose(run("batch_norm", x, gamma, beta, mean, var, eps=1e-5), plain + column(beta), rtol=1e-5, atol=1e-6)  # cancellation
    np.testing.assert_allclose(run("batch_norm", x, gamma, beta, mean, var, eps=1e-5, fix_gamma=False), plain * column(gamma) + column(beta), rtol=1e-5,
                               atol=1e-6)  # cancellation


def test_softmax_and_its_logarithm() -> None:
    x = normal(2, 5) * 50
    soft = run("softmax", x)
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)  # five rounded terms
    wide = x.astype(np.float64)
    logarithm = wide - wide.max(axis=1, keepdims=True) - np.log(np.exp(wide - wide.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(run("log_softmax", x), logarithm, rtol=1e-6, atol=1e-6)  # rounded once
    np.testing.assert_array_equal(run("softmax", x, temperature=2.0), run("softmax", x / 2))


def test_local_response_normalization() -> None:
    x = normal(1, 6, 2, 2)
    got = run("lrn", x, size=3, alpha=0.1, beta=0.5, knorm=1.0)
    for channel in range(6):
        window = x[:, max(channel - 1, 0):channel + 2].astype(np.float64)
        wanted = x[:, channel] / np.sqrt(1 + 0.1 / 3 * (window ** 2).sum(axis=1))
        np.testing.assert_allclose(got[:, channel], wanted, rtol=1e-6)  # rounded once


def test_integers_divide_toward_zero_and_by_zero_to_zero() -> None:
    a, b = np.array([7, -7, 7, -7, 5], np.int32), np.array([2, 2, -2, -2, 0], np.int32)
    np.testing.assert_array_equal(run("div", a, b), [3, -3, -3, 3, 0])
    np.testing.assert_array_equal(run("mod", np.float32([5, -5, 5]), np.float32([3, 3, 0])), [2, 1, 0])


def test_the_least_integer_divides_exactly() -> None:
    least = -(2**63)
    got = run("div", np.array([least, least, least, least + 1, 2**63 - 1]), np.array([2**32, least, 3, least, least]))
    assert got.tolist() == [-(2**31), 1, -(-least // 3), 0, 0]


@pytest.mark.parametrize("scalar", [0.0, 1e-200])
def test_smooth_l1_whose_parabola_has_no_end(scalar: float) -> None:
    got = run("smooth_l1", np.array([0, -3, 1e30, np.inf, np.nan], np.float32), scalar=scalar)
    np.testing.assert_array_equal(got, np.array([0, 0, 0, np.nan, np.nan], np.float32))  # as MXNet's 1 / scalar**2, which is infinite


def test_casts_truncate_and_say_int_min_out_of_range() -> None:
    x = np.array([1.9, -1.9, 3e9, -3e9, np.nan], np.float32)
    low = np.iinfo(np.int32).min
    np.testing.assert_array_equal(run("cast", x, dtype="i32"), [1, -1, low, low, low])
    np.testing.assert_array_equal(run("cast", np.float32([0, 0.5, np.nan]), dtype="bool"), [False, True, True])
    np.testing.assert_array_equal(run("cast", np.float32([1 + 2**-9, 1 + 3 * 2**-9]), dtype="bf16"), np.float32([1.0, 1 + 2**-7]))


def test_moving_data() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(run("slice", x, begin=(None, 1, -1), end=(None, None, None), step=(None, None, -2)), x[:, 1:, ::-2])
    np.testing.assert_array_equal(run("pad", x[None], widths=(0, 0, 0, 0, 1, 0, 0, 2), value=9.0)[0, 0, 0], [9] * 6)
    np.testing.assert_array_equal(run("concat", x, x, axis=2), np.concatenate([x, x], 2))
    np.testing.assert_array_equal(run("upsample", x, scale=(2,)), x.repeat(2, 2))
    np.testing.assert_array_equal(run("transpose", x, axes=(2, 0, 1)), x.transpose(2, 0, 1))
    np.testing.assert_array_equal(run("reduce_mean", np.int32([[1, 2], [-1, -2]]), axes=(1,)), [1, -1])


@pytest.mark.parametrize("name", sorted(UNARY))
def test_every_function_of_one_argument_keeps_shape_and_dtype(name: str) -> None:
    params = tuple(default for _, default in UNARY[name].params)
    special = np.array([[-np.inf, -1.5, -0.0], [0.5, np.inf, np.nan]], np.float32)
    for x in (special, special[:0], special.astype(np.float16), np.array([[-3, 0, 3]], np.int32)):
        got = evaluate_unary(name, x, params)
        assert got.shape == x.shape
        assert got.dtype == x.dtype


@settings(deadline=None, max_examples=50)
@given(graphs(), graphs(with_steps=True))
def test_results_have_the_inferred_types(imported: Graph, fused: Graph) -> None:
    for graph in (imported, fused):
        seen: dict[str, tuple[int, ...]] = {}
        batch = 2 if isinstance(graph.inputs[0].type.shape[0], SymDim) else 1
        evaluate(graph, feeds_for(graph, batch=2), observe=lambda value, array, seen=seen: seen.__setitem__(value.name, array.shape))
        assert seen == {value.name: bind_shape(value.type.shape, batch) for value in graph.values()}


def test_one_batch_for_all_inputs() -> None:
    text = """graph @g(%a: f32[N,3], %b: f32[2*N,3]) {
  %r = relu(%b) : f32[2*N,3]
  return %a, %r
}"""
    graph = parse(text)
    assert [array.shape for array in evaluate(graph, {"a": np.zeros((3, 3)), "b": np.zeros((6, 3))})] == [(3, 3), (6, 3)]
    with pytest.raises(InputError, match=r"input 'b' has shape \(5, 3\), not \(2\*N, 3\)"):
        evaluate(graph, {"a": np.zeros((3, 3)), "b": np.zeros((5, 3))})
    with pytest.raises(InputError, match="missing input 'b'; needed: a, b"):
        evaluate(graph, {"a": np.zeros((3, 3))})


def test_overflow_is_a_result_not_a_warning() -> None:
    huge = np.full((1, 1, 2), 3e38, np.float32)
    assert run("conv1d", huge, huge)[0, 0, 0] == np.inf
    assert run("square", huge)[0, 0, 0] == np.inf
    assert run("reduce_sum", huge, axes=(2,))[0, 0] == np.inf
    assert np.isnan(run("sub", run("square", huge), run("square", huge))).all()


def test_text_alone_has_no_data() -> None:
    graph = parse("graph @g(%x: f32[3]) {\n  %w = const @w : f32[3]\n  %s = add(%x, %w) : f32[3]\n  return %s\n}")
    with pytest.raises(VerifyError, match="%w has no constant data at hand"):
        evaluate(graph, {"x": np.zeros(3)})


def test_inputs_and_constants_may_be_outputs() -> None:
    b = GraphBuilder()
    x = b.input("x", (2,))
    graph = b.finish([x, b.const("c", np.float32([1, 2])), x], ["a", "b", "c"])
    outputs = evaluate(graph, {"x": np.float32([3, 4])})
    np.testing.assert_array_equal(outputs, [[3, 4], [1, 2], [3, 4]])


@pytest.mark.parametrize(("scalar", "wanted"), [(1e30, 0), (-1e30, 0), (2.0**63, 0), (-3.7, -3), (float("nan"), 0), (float("inf"), 0)])
def test_scalars_that_integers_do_not_hold(scalar: float, wanted: int) -> None:
    """The least 64-bit number is 0 in its low half."""
    builder = GraphBuilder("net")
    graph = builder.finish([builder.op("add", builder.input("x", (1,), "i32"), scalar=scalar)])
    np.testing.assert_array_equal(evaluate(graph, {"x": np.zeros(1, np.int32)})[0], [wanted])


def test_gamma_of_zeros_has_their_sign() -> None:
    np.testing.assert_array_equal(run("gamma", np.array([0.0, -0.0, -1.0], np.float32)), [np.inf, -np.inf, np.nan])


def test_ones_are_repeated_as_often_as_the_inputs_say() -> None:
    b = GraphBuilder()
    b.input("x", (SymDim(), 2), "f32")
    row = b.input("row", (1, 2), "f32")
    graph = b.finish([b.op("broadcast_to", row, shape=(SymDim(2), 2))])
    feeds = {"x": np.zeros((3, 2), np.float32), "row": np.float32([[1, 2]])}
    np.testing.assert_array_equal(evaluate(graph, feeds)[0], np.tile(np.float32([[1, 2]]), (6, 1)))
