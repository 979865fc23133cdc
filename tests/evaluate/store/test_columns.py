"""What JSON and databases cannot hold by themselves."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_mock_engine

from ngc.evaluate.store.columns import AnyText, Features, dump_json, load_json

_DIALECT = create_mock_engine("sqlite://", print).dialect
_KEYS = st.text("$float", max_size=7) | st.text(max_size=3)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=4),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(_KEYS, items, max_size=3),
)


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is not JSON")


@given(_VALUES)
def test_any_value_comes_back_from_strict_json(value: object) -> None:
    text = dump_json(value)
    json.loads(text, parse_constant=_refuse)
    assert load_json(text) == load_json(text.encode()) == value


@pytest.mark.parametrize(("number", "text"), [(math.inf, '{"$float":"inf"}'), (-math.inf, '{"$float":"-inf"}'), (math.nan, '{"$float":"nan"}')])
def test_numbers_that_json_does_not_have_are_objects(number: float, text: str) -> None:
    assert dump_json({"a": [number]}) == f'{{"a":[{text}]}}'
    assert repr(load_json(text)) == repr(number)


@given(st.text(st.characters() | st.sampled_from("\\u\0\udc80"), max_size=12))
def test_any_text_comes_back_from_utf_8_without_nul(text: str) -> None:
    stored = AnyText().process_bind_param(text, _DIALECT)
    assert stored is not None
    assert b"\0" not in stored.encode()
    assert AnyText().process_result_value(stored, _DIALECT) == text


def test_only_odd_characters_are_escaped() -> None:
    assert AnyText().process_bind_param("häuser/1.jpg", _DIALECT) == "häuser/1.jpg"
    assert AnyText().process_bind_param("a\udcff\\\0", _DIALECT) == "a\\udcff\\\\\\u0000"


def test_features_are_packed_as_documented() -> None:
    assert Features().process_bind_param(((258, 1.0),), _DIALECT) == b"\x02\x01\0\0" + b"\0\0\0\0\0\0\xf0\x3f"
