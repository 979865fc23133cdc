"""Tests of lists on command lines."""

import argparse

import pytest

from bench.arguments import names, numbers


def test_lists_are_by_comma():
    assert names("b,a", ["a", "b"], "letter") == ["b", "a"]
    assert numbers("1,16,32") == [1, 16, 32]


@pytest.mark.parametrize("text", ["1,,2", "0", "-1", "1.5", "many"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"is no number from 1 on$"):
        numbers(text)


def test_an_unknown_name_is_refused():
    with pytest.raises(argparse.ArgumentTypeError, match=r"^unknown letter 'c'; accepted are a, b$"):
        names("a,c", ["a", "b"], "letter")
