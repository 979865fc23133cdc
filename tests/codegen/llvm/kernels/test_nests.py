"""Tests of loop nests over plain tensors: moves, broadcasts and reductions against numpy, cut anywhere, on three instruction sets."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.expression import Axis, Binary, Cast, Const, Index, Load, N, Unary
from ngc.codegen.llvm.kernels.nest import Store
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute

NUMPY = {"f32": "float32", "f64": "float64", "f16": "float16", "i32": "int32", "i64": "int64", "i8": "int8", "u8": "uint8", "bool": "bool"}
TARGET = st.sampled_from(TARGETS)
CUTS = st.lists(st.integers(0, 50), max_size=3)
DIM = st.sampled_from((1, 2, 3, 5, 7, 16, 17, 33))
SHAPES = st.lists(DIM, min_size=1, max_size=4).map(tuple).filter(lambda shape: math.prod(shape) <= 20_000)


def with_batch(shape: tuple[int, ...], at: int | None, n: int) -> tuple[nests.Shape, tuple[int, ...]]:
    """Returns a shape as nests write it and as numpy does, the dimension `at` a multiple of the batch."""
    if at is None or at >= len(shape):
        return shape, shape
    return (*shape[:at], N(shape[at]), *shape[at + 1 :]), (*shape[:at], shape[at] * n, *shape[at + 1 :])


def sample(shape: tuple[int, ...], dtype: str = "f32", seed: int = 0) -> np.ndarray:
    """Returns data of a dtype, of its whole range for bytes."""
    rng = np.random.default_rng(seed)
    if dtype.startswith("f"):
        return rng.normal(size=shape).astype(NUMPY[dtype])
    return rng.integers(0, 256, shape).astype(np.uint8).astype(NUMPY[dtype])


def check(spec: KernelSpec, name: str, inputs: list[np.ndarray], expected: np.ndarray, n: int, cuts: list[int], **tolerance: float) -> None:
    """Runs a kernel and compares; whole or cut its results have the same bits."""
    outputs = []
    for edges in (cuts, []):
        out = Memory(expected.size, str(expected.dtype))
        execute(spec, parse_target(name), [*(Memory.of(x) for x in inputs), out], n, edges)
        outputs.append(out.array.copy())
    assert outputs[0].tobytes() == outputs[1].tobytes()
    if tolerance:
        np.testing.assert_allclose(outputs[0].reshape(expected.shape), expected, **tolerance)
    else:
        np.testing.assert_array_equal(outputs[0].reshape(expected.shape), expected)


@settings(deadline=None, max_examples=40)
@given(TARGET, SHAPES, st.data(), st.integers(1, 3), CUTS)
def test_elementwise_with_broadcasting(name, shape, data, n, cuts):
    at = data.draw(st.sampled_from((None, 0, 1)))
    loops, real = with_batch(shape, at, n)
    small = tuple(data.draw(st.sampled_from((dim, 1))) for dim in loops[data.draw(st.integers(0, len(loops) - 1)) :])
    small_real = tuple(1 if dim == 1 else size for dim, size in zip(small, real[len(real) - len(small) :], strict=True))
    a, b = sample(real), sample(small_real, seed=1)
    spec = nests.elementwise(loops, [(loops, "f32"), (small, "f32")], "f32", lambda x, y: Binary("sub", Binary("mul", x, Const(2.0)), y))
    check(spec, name, [a, b], a * np.float32(2) - b, n, cuts)


@settings(deadline=None, max_examples=40)
@given(TARGET, SHAPES, st.data(), st.integers(1, 2), CUTS, st.sampled_from(("f32", "i8", "f64", "i32", "f16")))
def test_moves(name, shape, data, n, cuts, dtype):
    kind = data.draw(st.sampled_from(("transpose", "slice", "upsample", "broadcast", "concat", "pad")))
    loops, real = with_batch(shape, None if kind == "broadcast" else data.draw(st.sampled_from((None, 0))), n)
    rank, x = len(shape), sample(real, dtype)
    if kind == "transpose":
        axes = data.draw(st.permutations(range(rank)))
        check(nests.transpose(loops, axes, dtype), name, [x], x.transpose(axes), n, cuts)
    elif kind == "slice":
        parts = []
        for dim in loops:
            step = 1 if isinstance(dim, N) else data.draw(st.sampled_from((1, 1, 2, 3, -1, -2)))
            first = 0 if isinstance(dim, N) else data.draw(st.integers(0, dim - 1))
            parts.append(slice(first, None, step))
        expected = x[tuple(parts)]
        out = tuple(dim if isinstance(dim, N) else size for dim, size in zip(loops, expected.shape, strict=True))
        check(nests.strided_slice(loops, [p.start for p in parts], [p.step for p in parts], out, dtype), name, [x], expected, n, cuts)
    elif kind == "upsample":
        counts = [data.draw(st.integers(1, 3)) for _ in loops]
        expected = x
        for axis, count in enumerate(counts):
            expected = expected.repeat(count, axis)
        check(nests.upsample(loops, counts, dtype), name, [x], expected, n, cuts)
    elif kind == "broadcast":
        small = tuple(data.draw(st.sampled_from((1, dim))) for dim in shape)
        y = sample(small, dtype)
        check(nests.broadcast_to(small, shape, dtype), name, [y], np.broadcast_to(y, shape), n, cuts)
    elif kind == "concat":
        axis = data.draw(st.integers(1 if isinstance(loops[0], N) else 0, rank - 1)) if rank > 1 or isinstance(loops[0], int) else None
        if axis is None:
            return
        before, after = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
        widths = [(before, after) if i == axis else (0, 0) for i in range(rank)]
        whole = np.pad(x.view(np.uint8).reshape(*x.shape, -1), [*widths, (0, 0)], constant_values=255).view(x.dtype)[..., 0]
        out = tuple(dim if isinstance(dim, N) else dim + sum(w) for dim, w in zip(loops, widths, strict=True))
        check(nests.concat_part(loops, out, axis, before, dtype), name, [x], whole, n, cuts)  # the rest stays as it was: all ones
    else:
        mode = data.draw(st.sampled_from(("constant", "edge", "reflect")))
        widths = []
        for dim in loops:
            most = 0 if isinstance(dim, N) else dim - 1 if mode == "reflect" else 4
            widths.append(tuple(data.draw(st.integers(0, min(4, most))) for _ in range(2)))
        out = tuple(dim if isinstance(dim, N) else dim + sum(w) for dim, w in zip(loops, widths, strict=True))
        more = {"constant_values": 3} if mode == "constant" else {}
        check(nests.pad(loops, [w[0] for w in widths], out, dtype, mode, 3.0), name, [x], np.pad(x, widths, mode=mode, **more), n, cuts)


REDUCTIONS = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min,
    "norm1": lambda x, axis: np.abs(x).sum(axis=axis), "norm2": lambda x, axis: np.sqrt(np.square(x).sum(axis=axis)),
}  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(TARGET, SHAPES, st.data(), st.integers(1, 3), CUTS, st.sampled_from(sorted(REDUCTIONS)))
def test_reductions(name, shape, data, n, cuts, kind):
    loops, real = with_batch(shape, data.draw(st.sampled_from((None, 0, 1))), n)
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
    x = sample(real)
    expected = np.asarray(REDUCTIONS[kind](x.astype(np.float64), axis=axes)).astype(np.float32)
    # sums are held in double precision, and rounded once
    check(nests.reduction(loops, axes, kind, "f32"), name, [x], expected, n, cuts, rtol=2e-7, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(TARGET, SHAPES, st.data(), CUTS, st.sampled_from(("sum", "mean", "max", "min", "norm1")), st.sampled_from(("i32", "i8", "u8", "i64")))
def test_reductions_of_integers(name, shape, data, cuts, kind, dtype):
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
    x = sample(shape, dtype)
    wide = np.asarray(REDUCTIONS["sum" if kind == "mean" else kind](x.astype(np.int64), axis=axes))
    if kind == "mean":
        wide = np.trunc(wide / math.prod(shape[axis] for axis in axes))
    check(nests.reduction(shape, axes, kind, dtype), name, [x], wide.astype(np.int64).astype(NUMPY[dtype]), 1, cuts)


@settings(deadline=None, max_examples=30)
@given(TARGET, SHAPES, st.data(), CUTS, st.sampled_from(("argmax", "argmin")))
def test_arg_reductions_return_the_first_of_equals(name, shape, data, cuts, kind):
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = np.round(sample(shape) * 2)
    check(nests.arg_reduction(shape, axis, kind, "f32", "f32"), name, [x], getattr(np, kind)(x, axis=axis).astype(np.float32), 1, cuts)


@pytest.mark.parametrize("name", TARGETS)
def test_a_reduction_of_many_elements_keeps_its_digits(name):
    x = np.full(1_000_003, 0.1, np.float32)
    check(nests.reduction((x.size,), (0,), "sum", "f32"), name, [x], np.asarray(np.sum(x, dtype=np.float64), np.float32), 1, [])


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("width", [1, 5, 16, 40])
def test_rows_chosen_by_an_index_operand(name, width):
    table, rows = sample((9, width)), np.array([3.9, -2, 100, 0, 8], np.float32)
    index = nests.clamped(Cast(Load(0, (1, 0)), "i64"), 9)
    spec = nests.nest((5, width), ["f32", "f32", "f32"], [Store(2, Load(1, (0, 1), 0, (Axis(index, width),)), (width, 1))])
    check(spec, name, [rows, table], table[np.clip(rows.astype(int), 0, 8)], 1, [2])


@pytest.mark.parametrize("name", TARGETS)
def test_indices_and_several_results(name):
    loops = (N(2), 37)
    value = Binary("add", Binary("mul", Index(0), Const(100, "i64")), Index(1))
    spec = nests.nest(loops, ["i64", "f32"], [Store(0, value, (37, 1)), Store(1, Unary("sqrt", Cast(value, "f32")), (37, 1))])
    expected = (np.arange(6)[:, None] * 100 + np.arange(37)).reshape(-1)
    whole, root = Memory(expected.size, "int64"), Memory(expected.size)
    execute(spec, parse_target(name), [whole, root], 3, [1])
    np.testing.assert_array_equal(whole.array, expected)
    np.testing.assert_array_equal(root.array, np.sqrt(expected.astype(np.float32)))


def test_loops_that_run_together_are_one():
    spec = nests.elementwise((N(1), 8, 5, 5), [((N(1), 8, 5, 5), "f32"), ((8, 1, 1), "f32")], "f32", lambda a, b: Binary("add", a, b))
    assert spec.loops == (N(1), 8, 25)
    flat = nests.cast((4, N(3), 6), "f32", "i32")
    assert flat.loops == (4, N(1), 18)
    assert flat.work == (4, 0)


def test_large_nests_are_cut_into_items_whatever_their_shape():
    for shape in ((1_000_000,), (1000, 1000), (2, 500_000), (500_000, 2)):
        a, b = nests.cast(shape, "f32", "i32").work
        assert a == 0
        assert 100 <= b <= 1000, shape


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match="does not broadcast"):
        nests.broadcast_to((3, 4), (3, 5), "f32")
