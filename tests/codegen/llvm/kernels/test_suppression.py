"""Suppression of boxes, alone and with the decoding of an SSD's anchors, against the reference evaluator: the same rows, in the same order."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.kernels.box_nms import BoxNmsKernel
from ngc.codegen.llvm.kernels.column_nms import ColumnNmsKernel
from ngc.codegen.llvm.kernels.expression import N
from ngc.codegen.llvm.kernels.multibox_detection import MultiboxDetectionKernel
from ngc.ir import opdef
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS
from tests.codegen.llvm.kernels.typed import Memory, execute

FORMATS = st.sampled_from(("corner", "center"))


def rows_of(rng: np.random.Generator, shape: tuple[int, ...], width: int) -> np.ndarray:
    """Returns rows with ties among scores, NaN and both zeros, classes of fractions, and boxes of which some are empty, negative or one within another."""
    rows = rng.uniform(-1, 1, (*shape, width)).astype(np.float32)
    rows[..., 0] = rng.choice([-1, -0.5, 0, 0.25, 1, 3], shape)
    rows[..., 1] = rng.choice([np.nan, -0.0, 0, -1, 0.25, 0.5, 0.75, np.inf, 1e-30], shape)
    rows[..., 2:4] = rng.integers(-2, 8, (*shape, 2))
    rows[..., 4:6] = rows[..., 2:4] + rng.integers(-1, 6, (*shape, 2))
    return rows


def reference(op: str, arrays: list[np.ndarray], **attrs: Any) -> np.ndarray:
    """Returns what the operator means."""
    definition = opdef(op)
    return definition.evaluate_arrays(arrays, definition.check_attrs(attrs))[0]


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(TARGETS), st.integers(1, 3), st.integers(1, 2), st.integers(1, 40) | st.sampled_from((100, 257)), st.sampled_from((6, 7, 19)),
    st.integers(0, 10**6), st.sampled_from((-1.0, 0.0, 0.3, 2.0)), st.sampled_from((-0.5, 0.0, 0.25, 0.5)), st.sampled_from((1, 3, 16, 500)),
    st.sampled_from((1, 5, 500)), st.sampled_from((-1, 0)), st.booleans(), FORMATS, FORMATS, st.sampled_from((-1, 0)), st.lists(st.integers(0, 6), max_size=2),
)  # fmt: skip
def test_box_nms_is_the_references(name, n, lists, count, width, seed, valid, overlap, topk, rows, ids, by_class, in_format, out_format, background, cuts):
    attrs = {"overlap_thresh": overlap, "valid_thresh": valid, "id_index": ids, "background_id": background, "in_format": in_format, "out_format": out_format}
    topk, rows, by_class = min(topk, count), min(rows, count), by_class and ids >= 0
    target = parse_target(name)
    kernel = BoxNmsKernel(N(lists), count, width, rows, topk, by_class=by_class, **attrs)
    x = rows_of(np.random.default_rng(seed), (n * lists, count), width)
    y, scratch = Memory(n * lists * rows * width), Memory(kernel.scratch_bytes(target) // 4)
    execute(kernel, target, [Memory.of(x), y, scratch], n, cuts)
    expected = reference("box_nms", [x], rows=rows, topk=topk, force_suppress=not by_class, **attrs)
    np.testing.assert_array_equal(y.array.reshape(expected.shape), expected)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(TARGETS), st.integers(1, 2), st.integers(1, 37) | st.just(100), st.integers(1, 3), st.integers(0, 10**6), st.sampled_from((-1.0, 0.3)),
    st.sampled_from((1, 16, 500)), st.sampled_from((1, 5, 500)), st.sampled_from((-1, 0, 5)), FORMATS, st.lists(st.integers(0, 3), max_size=1),
)  # fmt: skip
def test_columns_are_as_good_as_rows(name, n, boxes, times, seed, valid, topk, rows, ids, out_format, cuts):
    count = boxes * times
    x = rows_of(np.random.default_rng(seed), (n, count), 6)
    x[..., 2:] = np.concatenate([x[:, :boxes, 2:]] * times, 1)
    columns = [x[:, :boxes, 2:6], x[..., 1:2], x[..., :1]][:2 + (ids >= 0)]
    score, first = (1, 2) if ids == 0 else (0, 1)
    attrs = {"valid_thresh": valid, "overlap_thresh": 0.25, "out_format": out_format, "score_index": score, "coord_start": first, "id_index": ids}
    target, topk, rows = parse_target(name), min(topk, count), min(rows, count)
    kernel = ColumnNmsKernel(N(1), count, 3 + len(columns), rows, topk, by_class=ids >= 0, boxes=boxes, **attrs)
    y, scratch = Memory(n * rows * kernel.width), Memory(kernel.scratch_bytes(target) // 4)
    execute(kernel, target, [*(Memory.of(np.ascontiguousarray(column)) for column in columns), y, scratch], n, cuts)
    expected = reference("column_nms", columns, rows=rows, topk=topk, **attrs)
    np.testing.assert_array_equal(y.array.reshape(expected.shape), expected)


@pytest.mark.parametrize("name", TARGETS)
def test_more_rows_than_a_digit_counts_stay_in_their_order(name):
    rng = np.random.default_rng(0)
    x = np.empty((1, 3000, 6), np.float32)
    x[..., 1] = rng.choice(rng.normal(size=40).astype(np.float32), 3000)
    x[..., 0] = np.arange(3000)
    x[..., 2:] = [0, 0, 1, 1]
    target = parse_target(name)
    kernel = BoxNmsKernel(1, 3000, 6, 3000, 3000, valid_thresh=-9.0, id_index=0, by_class=True)
    y = Memory(x.size)
    execute(kernel, target, [Memory.of(x), y, Memory(kernel.scratch_bytes(target) // 4)], 1)
    np.testing.assert_array_equal(y.array.reshape(x.shape)[0], x[0][np.argsort(-x[0, :, 1], kind="stable")])


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(TARGETS), st.integers(1, 3), st.integers(1, 5), st.integers(1, 40) | st.sampled_from((100, 129)), st.integers(0, 10**6),
    st.sampled_from((-1.0, 0.0, 0.3, 0.9)), st.sampled_from((0.0, 0.25, 0.5, 1.0, 1.5)), st.sampled_from((-1, 1, 3, 20, 500)), st.booleans(), st.booleans(),
    st.lists(st.integers(0, 3), max_size=2),
)  # fmt: skip
def test_multibox_detection_is_the_references(name, n, classes, count, seed, threshold, overlap, topk, clip, force, cuts):
    rng = np.random.default_rng(seed)
    scores = rng.choice(np.float32([-2, -1, 0, 0.25, 0.5, 1, np.nan]), (n, classes, count))
    offsets = rng.normal(size=(n, count * 4)).astype(np.float32)
    anchors = rng.integers(-1, 3, (1, count, 4)).astype(np.float32) / 2
    attrs = {"threshold": threshold, "nms_threshold": overlap, "clip": clip, "force_suppress": force}
    target = parse_target(name)
    kernel = MultiboxDetectionKernel(N(1), classes, count, min(topk, count) if topk > 0 else count, suppress=0 < overlap <= 1, **attrs)
    y, scratch = Memory(n * count * 6), Memory(kernel.scratch_bytes(target) // 4)
    execute(kernel, target, [*map(Memory.of, (scores, offsets, anchors)), y, scratch], n, cuts)
    found = y.array.reshape(n, count, 6)
    # Corners are some roundings, and the error of exp, away from the reference's: suppression is compared on those that were found.
    expected = reference("multibox_detection", [scores, offsets, anchors], nms_topk=topk, **attrs)
    np.testing.assert_array_equal(found[..., 1], expected[..., 1])
    np.testing.assert_allclose(found[..., 2:], expected[..., 2:], rtol=2e-6, atol=2e-6)
    near = abs(overlaps(expected) - overlap).min() < 1e-4 if count > 1 else False
    if not near:
        np.testing.assert_array_equal(found[..., 0], expected[..., 0])


def overlaps(rows: np.ndarray) -> np.ndarray:
    """Returns the overlaps of all pairs of detections of an image."""
    box_a, box_b = rows[:, :, None, 2:].astype(np.float64), rows[:, None, :, 2:].astype(np.float64)
    sides = np.clip(np.minimum(box_a[..., 2:], box_b[..., 2:]) - np.maximum(box_a[..., :2], box_b[..., :2]), 0, None)
    shared = sides.prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (box_a, box_b)]
    with np.errstate(all="ignore"):
        return np.nan_to_num(shared / (areas[0] + areas[1] - shared))
