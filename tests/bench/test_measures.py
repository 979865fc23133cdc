"""Tests of how far answers lie from expected ones."""

import numpy as np
import pytest

from bench.measures import agreement, relative_error, sqnr_db, top1


def test_the_relative_error_is_the_largest_difference_over_the_largest_value():
    assert relative_error(np.array([1.0, -4.0]), np.array([2.0, -5.0])) == pytest.approx(0.2)


def test_sqnr_is_power_over_power_in_db_over_all_images():
    expected = np.array([[3.0, 4.0], [0.0, 5.0]])
    assert sqnr_db(expected + np.array([[0.3, -0.4], [0.0, 0.5]]), expected) == pytest.approx(20.0)
    # The images' powers are summed before they are divided: the mean of their own ratios would be 15 dB.
    assert sqnr_db(np.array([[10.0 + 1.0], [1.0 + 10**-0.5]]), np.array([[10.0], [1.0]])) == pytest.approx(10 * np.log10(101 / 1.1))


def test_sqnr_of_equal_answers_is_infinite():
    assert sqnr_db(np.ones(3, np.float32), np.ones(3, np.float32)) == float("inf")


def test_sqnr_is_computed_in_double_precision():
    expected = np.full(1000, 1e25, np.float32)  # whose squares are no float32
    assert sqnr_db(expected * np.float32(1.125), expected) == pytest.approx(20 * np.log10(8))


def test_top1_is_the_share_of_right_images_and_agreement_that_of_equal_ones():
    logits = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    assert top1(logits, np.array([1, 0, 0, 0])) == 0.75
    other = logits.copy()
    other[0] = [0.9, 0.1]
    assert agreement(other, logits) == 0.75
    assert agreement(logits * 3, logits) == 1
