"""What the operators that sample images refuse, and laws of those that give an image another size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, evaluate
from ngc.ir.ops.resampling import averaging_matrix, linear_matrix

WINDOW = {"kernel": (3, 3), "stride": (1, 1), "pad": (1, 1), "dilate": (1, 1)}


def appended(op: str, *shapes: tuple[int, ...], dtypes: tuple[str, ...] = (), **attrs: object) -> None:
    """Appends an operator of inputs of the given shapes."""
    b = GraphBuilder()
    b.op(op, *(b.input(f"x{i}", shape, (dtypes or ("f32",) * len(shapes))[i]) for i, shape in enumerate(shapes)), **attrs)


@pytest.mark.parametrize("op", ["resize", "adaptive_avg_pool"])
def test_what_has_no_other_size(op: str) -> None:
    with pytest.raises(VerifyError, match=rf"{op} takes images \(N, C, H, W\) of floats, not u8 of \(1, 2, 4, 4\)"):
        appended(op, (1, 2, 4, 4), dtypes=("u8",), size=(2, 2))
    with pytest.raises(VerifyError, match=r"of floats, not f32 of \(1, 2, 4\)"):
        appended(op, (1, 2, 4), size=(2, 2))
    for size in ((2,), (0, 2)):
        with pytest.raises(VerifyError, match=rf"{op} takes a size of two numbers of at least 1"):
            appended(op, (1, 2, 4, 4), size=size)
    with pytest.raises(VerifyError, match="data of fixed height and width"):
        appended(op, (1, 2, 0, 4), size=(2, 2))


def test_what_cannot_be_sampled() -> None:
    with pytest.raises(VerifyError, match=r"grid_sample takes images \(N, C, H, W\) of one type of floats, not f32\[1,2,4,4\], f64\[1,2,3,3\]"):
        appended("grid_sample", (1, 2, 4, 4), (1, 2, 3, 3), dtypes=("f32", "f64"))
    with pytest.raises(VerifyError, match=r"\(2, 2, 3, 3\) and \(1, 2, 4, 4\) have different numbers of images"):
        appended("grid_sample", (1, 2, 4, 4), (2, 2, 3, 3))
    with pytest.raises(VerifyError, match=r"takes a grid \(N, 2, H, W\) of columns and rows, not \(1, 3, 3, 3\)"):
        appended("grid_sample", (1, 2, 4, 4), (1, 3, 3, 3))
    with pytest.raises(VerifyError, match=r"grid_sample takes maps of at least one pixel, not \(1, 2, 0, 4\)"):
        appended("grid_sample", (1, 2, 0, 4), (1, 2, 3, 3))
    with pytest.raises(VerifyError, match=r"deformable_columns takes maps of at least one pixel, not \(1, 4, 4, 0\)"):
        appended("deformable_columns", (1, 4, 4, 0), (1, 18, 4, 4), **WINDOW)
    with pytest.raises(VerifyError, match="3 groups and 1 offset groups do not divide 4 channels"):
        appended("deformable_columns", (1, 4, 4, 4), (1, 18, 4, 4), groups=3, **WINDOW)
    with pytest.raises(VerifyError, match=r"takes offsets of shape \(1, 18, 4, 4\) here, not \(1, 9, 4, 4\)"):
        appended("deformable_columns", (1, 4, 4, 4), (1, 9, 4, 4), **WINDOW)
    with pytest.raises(VerifyError, match=r"takes a mask of shape \(1, 9, 4, 4\) here, not \(1, 18, 4, 4\)"):
        appended("deformable_columns", (1, 4, 4, 4), (1, 18, 4, 4), (1, 18, 4, 4), **WINDOW)
    with pytest.raises(VerifyError, match="correlation takes two images of one shape, an odd kernel and steps of at least 1"):
        appended("correlation", (1, 4, 4, 4), (1, 4, 4, 4), kernel=2)
    with pytest.raises(VerifyError, match="displacements up to 4 leave nothing of"):
        appended("correlation", (1, 4, 4, 4), (1, 4, 4, 4), max_displacement=4)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(("align_corners", "half_pixel")))
def test_constants_and_their_own_size_stay(size: int, out: int, coordinates: str) -> None:
    for matrix in (linear_matrix(size, out, coordinates), averaging_matrix(size, out)):
        np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-6)
        assert matrix.min() >= 0
    if size == out:
        np.testing.assert_allclose(linear_matrix(size, out, coordinates), np.eye(size), atol=1e-5)
        np.testing.assert_array_equal(averaging_matrix(size, out), np.eye(size))


@given(st.integers(2, 30), st.integers(2, 30))
def test_corners_stay_corners(size: int, out: int) -> None:
    matrix = linear_matrix(size, out, "align_corners")
    assert matrix[0, 0] == 1
    assert matrix[-1, -1] == pytest.approx(1, abs=1e-5)  # places are rounded to f32


def test_a_grid_of_the_pixels_themselves_gives_the_image() -> None:
    b = GraphBuilder()
    x = b.input("x", (1, 2, 3, 5))
    rows, columns = np.meshgrid(np.linspace(-1, 1, 3), np.linspace(-1, 1, 5), indexing="ij")
    graph = b.finish([b.op("grid_sample", x, b.const("grid", np.stack([columns, rows])[None].astype(np.float32)))])
    image = np.random.default_rng(0).normal(size=(1, 2, 3, 5)).astype(np.float32)
    np.testing.assert_allclose(evaluate(graph, {"x": image})[0], image, atol=1e-6)
