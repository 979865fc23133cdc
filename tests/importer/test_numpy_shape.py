"""MXNet's numpy names: shapes, joining, constants and diagonals against MXNet under numpy's rules."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ngc.errors import ImportFailure, UnsupportedOperator
from ngc.importer import import_model
from ngc.ir import evaluate
from tests.importer.test_build import graph_json, node, variable

Check = Callable[..., Any]
Function = Callable[..., Any]

CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
MATRIX, VECTOR, SCALAR = CUBE[0], CUBE[0, 0], np.array(3.5, np.float32)

SHAPES: dict[str, Function] = {
    "transpose": lambda f, x: f.transpose(x), "transpose axes": lambda f, x: f.transpose(x, (1, 0, -1)), "reshape": lambda f, x: f.reshape(x, (-1, 4)),
    "reshape whole": lambda f, x: f.reshape(x, (4, 6)), "moveaxis": lambda f, x: f.moveaxis(x, (0, -1), (1, 0)), "swapaxes": lambda f, x: f.swapaxes(x, 0, -1),
    "broadcast": lambda f, x: f.broadcast_to(x, (5, 2, 3, 4)), "flip": lambda f, x: f.flip(x, (0, 2)), "flip all": lambda f, x: f.flip(x),
    "roll": lambda f, x: f.roll(x, 5), "roll axes": lambda f, x: f.roll(x, (1, -2), axis=(0, 2)), "roll whole": lambda f, x: f.roll(x, 8, axis=-1),
    "diff": lambda f, x: f.diff(x, n=2, axis=1), "ediff1d": lambda f, x: f.ediff1d(x), "expand_dims": lambda f, x: f.expand_dims(x, -1),
    "ravel": lambda f, x: f.ravel(x), "item": lambda f, x: x[0, -1, 1], "range": lambda f, x: x[:, 1:3], "row": lambda f, x: x[1],
    "copy": lambda f, x: f.copy(x),
    "pad": lambda f, x: f.pad(x, ((0, 0), (1, 2), (0, 1)), mode="constant"), "pad edge": lambda f, x: f.pad(x, ((0, 0), (1, 2), (0, 1)), mode="edge"),
    "pad reflect": lambda f, x: f.pad(x, ((0, 0), (1, 2), (0, 1)), mode="reflect"), "atleast": lambda f, x: f.atleast_3d(x),
    "trace": lambda f, x: f.trace(x, offset=1, axis1=0, axis2=2), "diagonal": lambda f, x: f.diagonal(x, offset=-1, axis1=1, axis2=2),
    "tril": lambda f, x: f.tril(x, 1), "diagflat": lambda f, x: f.diagflat(x), "hsplit": lambda f, x: f.hsplit(x, 3), "dsplit": lambda f, x: f.dsplit(x, (1,)),
    "split": lambda f, x: f.split(x, 2, axis=2), "vsplit": lambda f, x: f.vsplit(x, 2),
}


@pytest.mark.parametrize("axis", [0, 7])
def test_hsplit_has_an_axis_of_its_own(axis: int, mx: ModuleType, check_np: Check) -> None:
    """MXNet does not look at the attribute."""
    cut = mx.sym.numpy._internal
    x = np.arange(48, dtype=np.float32)
    for data in (x, x.reshape(6, 8), x.reshape(3, 4, 4)):
        check_np(lambda _, value: list(cut.hsplit(value, indices=(0, 1), axis=axis, squeeze_axis=False, sections=0)), data)


def test_dsplit_of_another_axis_is_refused(mx: ModuleType) -> None:
    symbol = mx.sym.numpy._internal.dsplit(mx.sym.var("x").as_np_ndarray(), indices=(), axis=0, squeeze_axis=False, sections=2)
    with pytest.raises(UnsupportedOperator, match="_npi_dsplit with axis=0: MXNet gives its pieces the sizes of cuts on axis 2 and cuts the axis named"):
        import_model((mx.sym.Group(list(symbol)), {}, {}), shapes={"x": (3, 4, 4)})


def test_pieces_of_vectors_have_no_dimensions(mx: ModuleType, check_np: Check) -> None:
    vector = np.arange(2, dtype=np.float32)
    check_np(lambda _, value: list(mx.sym.numpy._internal.split(value, indices=(0, 1), axis=0, squeeze_axis=True, sections=0)), vector)
    check_np(lambda _, value: list(mx.sym.SliceChannel(value.as_nd_ndarray(), num_outputs=2, axis=0, squeeze_axis=True)), vector)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str, check_np: Check) -> None:
    if name == "atleast" and not hasattr(pytest.importorskip("mxnet").sym.np, "atleast_3d"):
        pytest.skip("this MXNet has no symbol of it")
    check_np(SHAPES[name], CUBE)


@pytest.mark.parametrize("turns", range(-1, 4))
def test_rot90(turns: int, check_np: Check) -> None:
    check_np(lambda f, x: f.rot90(x, turns, axes=(0, 2)), CUBE)


@pytest.mark.parametrize("codes", [(-1, 4), (-2, -2, -1), (-5, 4), (-4,), (-2, -4), (-6, 1, 2, -4), (-6, -1, 2, -2, -2), (-2, -5), (3, -1, -2), (-1, -2),
                                   (6, 4)])
def test_codes_of_npx_reshape(codes: tuple[int, ...], mx: ModuleType, check_np: Check) -> None:
    check_np(lambda _, x: mx.sym.npx.reshape(x, codes), CUBE)


@pytest.mark.parametrize("codes", [(-1, -2), (-2, -2, -1), (-5, -2)])
def test_codes_that_are_read_from_the_right(codes: tuple[int, ...], mx: ModuleType, check_np: Check) -> None:
    check_np(lambda _, x: mx.sym.npx.reshape(x, codes, reverse=True), CUBE)


def test_dimensions_of_one(mx: ModuleType, check_np: Check) -> None:
    one = CUBE[:1, :, :1].copy()
    check_np(lambda f, x: f.squeeze(x), one)
    check_np(lambda f, x: f.squeeze(x, (0, -1)), one)
    check_np(lambda f, x: f.squeeze(x), CUBE[:1, :1, :1].copy())
    check_np(lambda _, x: mx.sym.npx.reshape(x, (-3, -4)), one)


def test_the_batch_may_be_n(mx: ModuleType, check_np: Check) -> None:
    check_np(lambda _, x: mx.sym.npx.reshape(x, (-2, -5)), CUBE, batch=True)
    check_np(lambda _, x: mx.sym.npx.reshape(x, (-1, 4)), CUBE, batch=True)
    check_np(lambda f, x: f.reshape(x, (-1, 12)), CUBE, batch=True)
    check_np(lambda f, x: f.transpose(x), CUBE, batch=True)


@pytest.mark.parametrize("arrays", [(VECTOR, VECTOR), (MATRIX, MATRIX), (CUBE, CUBE), (SCALAR, SCALAR)], ids=["vectors", "matrices", "cubes", "scalars"])
@pytest.mark.parametrize("name", ["hstack", "vstack", "dstack", "column_stack"])
def test_stacking(name: str, arrays: tuple[np.ndarray, ...], check_np: Check) -> None:
    check_np(lambda f, x, y: getattr(f, name)([x, y]), *arrays)


def test_joining(check_np: Check) -> None:
    check_np(lambda f, x, y: f.concatenate([x, y], axis=1), CUBE, CUBE)
    check_np(lambda f, x, y: f.concatenate([x, y], axis=None), CUBE, CUBE[:1].copy())
    check_np(lambda f, x, y: f.stack([x, y], axis=-1), CUBE, CUBE)
    check_np(lambda f, x, y: f.stack([x, y]), SCALAR, SCALAR)


@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
def test_diagonals(offset: int, check_np: Check) -> None:
    check_np(lambda f, x: f.diag(x, offset), MATRIX.copy())
    check_np(lambda f, x: f.diag(x, offset), VECTOR.copy())
    check_np(lambda f, x: f.tril(x, offset), MATRIX.copy())


def test_triangle_of_a_vector(check_np: Check) -> None:
    check_np(lambda f, x: f.tril(x, -1), VECTOR.copy())


CONSTANTS: dict[str, Function] = {
    "zeros": lambda f: f.zeros((2, 3)), "zero": lambda f: f.zeros(()), "ones": lambda f: f.ones((2, 3), dtype="int32"),
    "arange": lambda f: f.arange(1, 7, 2), "arange of integers": lambda f: f.arange(0, 4.5, 1.5, dtype="int32"),
    "arange down": lambda f: f.arange(5, 1, -1.5, dtype="float64"), "eye": lambda f: f.eye(2, 3, 1),
    "identity": lambda f: f.identity(2), "full": lambda f: f.full((2,), 1.5), "linspace": lambda f: f.linspace(0, 1, 5, endpoint=False),
    "logspace": lambda f: f.logspace(0, 2, 3), "indices": lambda f: f.indices((2, 3)), "hanning": lambda f: f.hanning(4),
    "hamming": lambda f: f.hamming(5), "blackman": lambda f: f.blackman(4),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name: str, check_np: Check) -> None:
    check_np(lambda f, x: [CONSTANTS[name](f), f.copy(x)], VECTOR.copy())


@pytest.mark.parametrize(("function", "message"), [
    (lambda f, x: f.reshape(x, (5, -1)), "newshape = (5, -1) for data of shape (2, 3, 4)"),
    (lambda f, x: f.reshape(x, (4, 5)), "reshape: (2, 3, 4) holds 24 elements"),
    (lambda f, x: f.squeeze(x, 1), "axis = (1,) of data of shape (2, 3, 4) is not 1"),
    (lambda f, x: f.broadcast_to(x, (2, 3, 5)), "shapes (2, 3, 4) and (2, 3, 5) cannot be broadcast together"),
    (lambda f, x: f.broadcast_to(f.sum(x, keepdims=True), (-1000, 3, 5)), "f32[-1000,3,5] has the dimension -1000; a dimension is a whole number or"),
    (lambda f, x: f.diff(x, n=3, axis=1), "n = 3 differences leave nothing of 3"),
    (lambda f, x: f.diagonal(x, offset=5), "k = 5: a matrix of 2 by 3 has no such diagonal"),
    (lambda f, x: f.roll(x, (1, 2, 3), axis=(0, 1)), "shift = (1, 2, 3) along 2 axes, expected as many"),
    (lambda f, x: f.moveaxis(x, (0, 1), (1,)), "2 axes to 1 places, expected as many"),
])
def test_refusals(function: Function, message: str, check_np: Check, mx: ModuleType) -> None:
    with pytest.raises(ImportFailure) as caught:
        import_model(mx.sym.Group([function(mx.sym.np, mx.sym.var("x").as_np_ndarray())]), shapes={"x": (2, 3, 4)})
    assert message in str(caught.value)


@pytest.mark.parametrize(("codes", "message"), [
    ((-3, -4), "-3 skips a dimension of 1"), ((-1, -1), "-1 stands for one size only"), ((-2, -2, -2, -2), "fewer dimensions than the codes take"),
    ((-6, -1, -1), "-6 is followed by two sizes"), ((-6, 3, 1, -4), "-6 splits a dimension of 2 into 3 and 1"), ((5, -1), "-1 cannot be inferred"),
    ((4, 5), "(4, 5) has not as many elements"), ((-7,), "-7 is no code"),
])
def test_codes_that_do_not_fit(codes: tuple[int, ...], message: str, check_np: Check, mx: ModuleType) -> None:
    with pytest.raises(ImportFailure) as caught:
        import_model(mx.sym.npx.reshape(mx.sym.var("x").as_np_ndarray(), codes), shapes={"x": (2, 3, 4)})
    assert message in str(caught.value)


def test_a_split_from_the_right_is_refused(check_np: Check, mx: ModuleType) -> None:
    with pytest.raises(ImportFailure, match="-6 with reverse"):
        import_model(mx.sym.npx.reshape(mx.sym.var("x").as_np_ndarray(), (-4, -6, 2, 2), reverse=True), shapes={"x": (2, 3, 4)})


@pytest.mark.parametrize(("function", "message"), [
    (lambda f: f.arange(3, 3), "0 elements, expected 1 to 16777216"), (lambda f: f.zeros((1 << 20, 1 << 20)), "1.04858e+06 by 1.04858e+06 elements"),
    (lambda f: f.eye(1 << 20), "1.04858e+06 by 1.04858e+06 elements"), (lambda f: f.arange(0, 1e12), "1e+12 elements"),
])
def test_constants_of_no_sensible_size_are_refused(function: Function, message: str, check_np: Check, mx: ModuleType) -> None:
    with pytest.raises(ImportFailure) as caught:
        import_model(function(mx.sym.np))
    assert message in str(caught.value)


def test_what_is_not_constant_padding_is_refused(check_np: Check, mx: ModuleType) -> None:
    with pytest.raises(ImportFailure, match="expected one of constant, edge, reflect"):
        import_model(mx.sym.np.pad(mx.sym.var("x").as_np_ndarray(), ((0, 1),), mode="symmetric"), shapes={"x": (2,)})
    with pytest.raises(UnsupportedOperator, match="_npi_ediff1d with to_begin_scalar"):
        import_model(mx.sym.np.ediff1d(mx.sym.var("x").as_np_ndarray(), to_begin=1.0), shapes={"x": (4,)})


def test_names_of_mxnet_2_against_numpy() -> None:
    """MXNet 1.9.1 does not have them."""
    x = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    for k in (-1, 0, 2):
        for op, attrs, wanted in (("_npi_triu", {}, np.triu(x, k)), ("_npi_tri", {"N": "3", "M": "4"}, np.tri(3, 4, k, dtype=np.float32))):
            nodes = [variable("x")] if op == "_npi_triu" else []
            symbol = graph_json(*nodes, node(op, "z", *range(len(nodes)), k=str(k), **attrs))
            graph = import_model((json.dumps(symbol), {}, {}), shapes={"x": x.shape} if nodes else {})
            np.testing.assert_array_equal(evaluate(graph, {"x": x} if nodes else {})[0], wanted)
    symbol = graph_json(variable("x"), node("_npi_cumsum", "z", 0, axis="1"))
    graph = import_model((json.dumps(symbol), {}, {}), shapes={"x": x.shape})
    np.testing.assert_array_equal(evaluate(graph, {"x": x})[0], np.cumsum(x, 1))


def test_indices_and_constants_without_dimensions(mx: ModuleType, check_np: Check) -> None:
    one = np.array(1, np.int32)
    check_np(lambda f, x, index: f.take(x, index, axis=0, mode="clip"), CUBE, one)
    check_np(lambda _, index: mx.sym.npx.one_hot(index, 3), one)
    check_np(lambda _, index, weight: mx.sym.npx.embedding(index, weight, input_dim=3, output_dim=4), one, MATRIX)
    check_np(lambda _, x: [x, mx.sym.numpy._internal.full(shape=(), value=3.0, dtype="float32")], VECTOR)


def test_constants_without_elements_are_refused_under_numpys_rules(mx: ModuleType) -> None:
    symbol = mx.sym.numpy._internal.full(shape=(0, 2), value=3.0, dtype="float32")
    text = json.loads(symbol.tojson())
    text["attrs"]["is_np_shape"] = ["int", 1]
    with pytest.raises(ImportFailure, match=r"shape = \(0, 2\): a tensor without elements"):
        import_model((json.dumps(text), {}, {}))
