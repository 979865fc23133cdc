"""The parameter parser: what MXNet's parser takes and refuses, and schemas."""

import math

import pytest

from ngc.errors import ImportFailure
from ngc.importer.attributes import (
    IGNORED,
    Field,
    MalformedValue,
    enum,
    parse_attributes,
    parse_bool,
    parse_double,
    parse_dtype,
    parse_float,
    parse_int,
    parse_shape,
    parse_type_flag,
)


@pytest.mark.parametrize("text", ["True", "true", "TRUE", "1"])
def test_true(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["False", "false", "0"])
def test_false(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize(("text", "value"), [("64", 64), (" 64 ", 64), ("-1", -1), ("+3", 3)])
def test_int(text: str, value: int) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize("text", ["4.0", "True", "0x10", "4L", "", "2147483648", "9" * 5000, "None"])
def test_not_an_int(text: str) -> None:
    with pytest.raises(MalformedValue, match="expected an integer"):
        parse_int(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.00001e-05", 1.00001e-05),
        ("2e-05", 2e-05),
        ("1", 1.0),
        ("0.5f", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("-3.4028234663852886e38", -3.4028234663852886e38),
    ],
)
def test_float(text: str, value: float) -> None:
    assert parse_float(text) == value


def test_nan() -> None:
    assert math.isnan(parse_float("nan"))


@pytest.mark.parametrize("text", ["1e400", "1e39", "True", "0x1p3", "", "1,5", "1e", "(1,)"])
def test_not_a_float(text: str) -> None:
    with pytest.raises(MalformedValue, match="expected a number"):
        parse_float(text)


def test_double_range() -> None:
    assert parse_double("1e39") == 1e39
    with pytest.raises(MalformedValue, match="expected a number"):
        parse_double("1e400")


@pytest.mark.parametrize(
    "text", ["(3, 3)", "(3,3)", "( 3 , 3 )", "[3,3]", "(3,3,)", "(3L, 3L)", "(3L,3L,)", " (3, 3) "]
)
def test_tuple(text: str) -> None:
    assert parse_shape(text) == (3, 3)


def test_short_tuples() -> None:
    assert parse_shape("()") == ()
    assert parse_shape("[]") == ()
    assert parse_shape("(7,)") == (7,)
    assert parse_shape("7") == (7,)
    assert parse_shape("-1") == (-1,)


@pytest.mark.parametrize(
    "text", ["3,3", "(3, 3", "(3 3)", "(3,,3)", "(a, b)", "", "(", "(3.5, 1)", "None", "(,)"]
)
def test_not_a_tuple(text: str) -> None:
    with pytest.raises(MalformedValue, match=r"expected a tuple such as"):
        parse_shape(text)


def test_dtypes() -> None:
    assert parse_dtype("float32") == "f32"
    assert parse_type_flag("0") == "f32"
    assert parse_type_flag("12") == "bf16"
    assert parse_type_flag("-1") == "f32"
    with pytest.raises(MalformedValue, match="expected one of float32, float64"):
        parse_dtype("0")
    with pytest.raises(MalformedValue, match=r"expected one of 0 \(f32\)"):
        parse_type_flag("99")


SCHEMA = {
    "kernel": Field("shape"),
    "num_filter": Field("int", low=1),
    "act_type": enum("relu", "tanh", default="relu"),
    "axis": Field("shape", None, optional=True),
    "begin": Field("optional_longs", ()),
    "workspace": IGNORED,
}
GIVEN = {"kernel": "(3, 3)", "num_filter": "8"}


def test_defaults_are_filled_in() -> None:
    assert parse_attributes(GIVEN, SCHEMA, "node 1") == {
        "kernel": (3, 3),
        "num_filter": 8,
        "act_type": "relu",
        "axis": None,
        "begin": (),
        "workspace": None,
    }


def test_optional_values() -> None:
    values = parse_attributes({**GIVEN, "axis": "None", "begin": "(None, 1L, -1)"}, SCHEMA, "node 1")
    assert values["axis"] is None
    assert values["begin"] == (None, 1, -1)


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"kernel": "(3, 3)"}, "node 1 'conv': the required parameter 'num_filter' is missing"),
        (
            {**GIVEN, "colour": "1"},
            "node 1 'conv': unknown parameter 'colour'; the operator takes kernel, num_filter",
        ),
        ({**GIVEN, "a": "1", "b": "2"}, "unknown parameters 'a', 'b'"),
        ({**GIVEN, "kernel": "3,3"}, "node 1 'conv': kernel = '3,3': expected a tuple"),
        ({**GIVEN, "num_filter": "0"}, "num_filter = '0': expected at least 1"),
        ({**GIVEN, "act_type": "swish"}, "act_type = 'swish': expected one of relu, tanh"),
    ],
)
def test_bad_parameters(attrs: dict[str, str], message: str) -> None:
    with pytest.raises(ImportFailure, match=message):
        parse_attributes(attrs, SCHEMA, "node 1 'conv'")
