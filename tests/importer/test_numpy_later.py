"""Numpy names that MXNet has since 2.0, against numpy: MXNet 1.9.1 does not have them."""

import json

import numpy as np
import pytest

from ngc.errors import ImportFailure
from ngc.importer import import_model
from ngc.ir import evaluate
from tests.importer.test_build import graph_json, node, variable

FUNCTIONS = {"fmax": np.fmax, "fmin": np.fmin, "fmod": np.fmod, "floor_divide": np.floor_divide, "logaddexp": np.logaddexp}
FLOATS = np.array([[1.5, -2.5, 7.0], [np.nan, -100.0, 2.0]], np.float32)
OTHERS = np.array([2.0, 1.0, -3.0], np.float32)
INTEGERS = np.array([[7, -7, 5], [0, 3, -1]], np.int32)


def computed(op: str, *arrays: np.ndarray, **attrs: str) -> np.ndarray:
    """Returns what the importer makes of one node over the arrays, evaluated."""
    feeds = {f"x{number}": array for number, array in enumerate(arrays)}
    symbol = graph_json(*map(variable, feeds), node(op, "z", *range(len(feeds)), **attrs))
    graph = import_model((json.dumps(symbol), {}, {}), shapes={name: array.shape for name, array in feeds.items()},
                         dtypes={name: array.dtype for name, array in feeds.items()})
    return evaluate(graph, feeds)[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_two(name: str) -> None:
    wanted = FUNCTIONS[name]
    with np.errstate(invalid="ignore"):  # of NaN
        of_two, of_scalar = wanted(FLOATS, OTHERS), wanted(FLOATS, np.float32(2))
    np.testing.assert_allclose(computed(f"_npi_{name}", FLOATS, OTHERS), of_two, rtol=1e-6)
    np.testing.assert_allclose(computed(f"_npi_{name}_scalar", FLOATS, scalar="2"), of_scalar, rtol=1e-6)
    if name != "logaddexp":
        np.testing.assert_array_equal(computed(f"_npi_{name}", INTEGERS, np.array([2, 3, -2], np.int32)), wanted(INTEGERS, [2, 3, -2]))


@pytest.mark.parametrize("name", ["fmod", "floor_divide"])
def test_scalars_on_the_left(name: str) -> None:
    np.testing.assert_allclose(computed(f"_npi_r{name}_scalar", OTHERS, scalar="-7"), FUNCTIONS[name](np.float32(-7), OTHERS), rtol=1e-6)


def test_sums_of_infinite_exponents() -> None:
    ends = np.array([np.inf, -np.inf, 1000.0], np.float32)
    np.testing.assert_allclose(computed("_npi_logaddexp", ends, ends), np.logaddexp(ends, ends), rtol=1e-6)


@pytest.mark.parametrize(("counts", "axis"), [((2,), None), ((3,), 1), ((2, 0, 1), 1), ((1, 4), -2), ((1, 0, 2, 0, 3, 1), None)])
def test_repeats(counts: tuple[int, ...], axis: int | None) -> None:
    got = computed("_npi_repeats", INTEGERS, repeats=str(counts), **({} if axis is None else {"axis": str(axis)}))
    np.testing.assert_array_equal(got, np.repeat(INTEGERS, counts if len(counts) > 1 else counts[0], axis))


@pytest.mark.parametrize(("counts", "message"), [
    ("(0, 0, 0)", r"repeats = \(0, 0, 0\): expected counts of 0 or more, and not all of them 0"),
    ("(1, 2)", r"repeats = \(1, 2\): expected one count, or one for each of 3 elements"),
    ("(-1, 2, 2)", "expected counts of 0 or more"),
])
def test_counts_that_are_refused(counts: str, message: str) -> None:
    with pytest.raises(ImportFailure, match=message):
        computed("_npi_repeats", INTEGERS, repeats=counts, axis="1")


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64])
def test_shifts(dtype: type) -> None:
    x, places = np.array([[1, 5, 100], [7, 64, 3]], dtype), np.array([0, 3, 6], dtype)
    np.testing.assert_array_equal(computed("_npi_bitwise_left_shift", x, places), x << places)
    np.testing.assert_array_equal(computed("_npi_bitwise_right_shift", x, places), x >> places)
    np.testing.assert_array_equal(computed("_npi_bitwise_left_shift_scalar", x, scalar="2"), x << dtype(2))
    np.testing.assert_array_equal(computed("_npi_bitwise_right_shift_scalar", x, scalar="2"), x >> dtype(2))
    np.testing.assert_array_equal(computed("_npi_rbitwise_left_shift_scalar", places, scalar="3"), dtype(3) << places)
    np.testing.assert_array_equal(computed("_npi_rbitwise_right_shift_scalar", places, scalar="100"), dtype(100) >> places)


def test_shifts_of_two_types_and_by_all_bits() -> None:
    """A shift by less than 0 or by all bits leaves zeros, of a negative number shifted right -1, as MXNet's kernels have it."""
    x = np.array([-9, 9], np.int32)
    np.testing.assert_array_equal(computed("_npi_bitwise_left_shift", x, np.int64([40, 40])), x.astype(np.int64) << 40)
    for places in (32, -1):
        np.testing.assert_array_equal(computed("_npi_bitwise_left_shift_scalar", x, scalar=str(places)), [0, 0])
        np.testing.assert_array_equal(computed("_npi_bitwise_right_shift_scalar", x, scalar=str(places)), [-1, 0])


@pytest.mark.parametrize("data", [np.array([True]), np.float32([1])], ids=["truths", "floats"])
def test_shifts_of_others_are_refused(data: np.ndarray) -> None:
    with pytest.raises(ImportFailure, match=r"_npi_bitwise_left_shift of (bool and bool|f32 and f32): expected integers$"):
        computed("_npi_bitwise_left_shift", data, data)
    with pytest.raises(ImportFailure, match=r"_npi_rbitwise_right_shift_scalar of (bool|f32): expected integers$"):
        computed("_npi_rbitwise_right_shift_scalar", data, scalar="1")


def test_truth_values_are_refused() -> None:
    with pytest.raises(ImportFailure, match="_npi_fmax of truth values"):
        computed("_npi_fmax", np.array([True]), np.array([False]))
