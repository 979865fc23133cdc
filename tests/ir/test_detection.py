"""What operators of detection refuse, in words; what they mean is held against MXNet in the importer's tests."""

from typing import Any

import numpy as np
import pytest

from ngc.errors import VerifyError
from ngc.ir import GraphBuilder, SymDim, opdef

N = SymDim()
GRID = {"pooled_size": (2, 2), "spatial_scale": 1.0}
POSITIONS = {"pooled_size": 2, "spatial_scale": 1.0, "channels": 2, "groups": 2}
MAPS = (N, 8, 6, 6)


@pytest.mark.parametrize(("op", "shapes", "attrs", "message"), [
    ("box_nms", [(4, 6)], {"topk": 0}, "topk is at least 1, or -1 for all boxes, not 0"),
    ("box_nms", [(4, 6)], {"rows": 5}, "rows of the result are 1 to 4, not 5"),
    ("box_nms", [(6,)], {}, "takes rows of floats, (..., boxes, columns)"),
    ("column_nms", [(N, 3, 4), (N, 6, 1)], {"id_index": 0}, "takes classes where, and only where, the result has a column for them"),
    ("column_nms", [(N, 4, 4), (N, 6, 1)], {}, "6 scores are no multiple of 4 boxes"),
    ("column_nms", [(N, 3, 4), (N, 6, 2)], {}, "takes boxes (..., boxes, 4), scores and classes (..., rows, 1)"),
    ("column_nms", [(N, 3, 4), (N, 6, 1)], {"coord_start": 3}, "coordinates from column 3 on and the score in column 1 do not fit rows of 5 columns"),
    ("roi_align", [MAPS, (3, 5)], {**GRID, "pooled_size": (0, 2)}, "pooled_size is (height, width), not (0, 2)"),
    ("roi_max_pool", [MAPS, (3, 5)], {**GRID, "pooled_size": (2,)}, "pooled_size is (height, width), not (2,)"),
    ("rotated_roi_align", [MAPS, (3, 6)], {**GRID, "pooled_size": (2, 0)}, "pooled_size is (height, width), not (2, 0)"),
    ("ps_roi_pool", [MAPS, (3, 5)], {**POSITIONS, "groups": 0}, "2 channels in 0x0 groups take data of 0 channels, not 8"),
    ("deformable_ps_roi_pool", [MAPS, (3, 5)], {**POSITIONS, "parts": 0}, "at least one part and sample, not 0 and 1"),
    ("proposal", [(1, 2, 4, 4), (1, 4, 4, 4), (1, 3)], {"scales": (4,), "ratios": (1,), "post_nms_topk": 0}, "returns at least one region of a stride"),
    ("multibox_detection", [(1, 0, 5), (1, 20), (1, 5, 4)], {}, "takes scores of a shape (batch, classes, anchors), not (1, 0, 5)"),
    ("bipartite_matching", [(2, N)], {"threshold": 0.5}, "matrices of float scores that do not depend on N"),
])  # fmt: skip
def test_what_is_refused(op: str, shapes: list[tuple[Any, ...]], attrs: dict[str, Any], message: str) -> None:
    b = GraphBuilder()
    inputs = [b.input(f"x{number}", shape) for number, shape in enumerate(shapes)]
    with pytest.raises(VerifyError) as failure:
        b.op(op, *inputs, **attrs)
    assert message in str(failure.value)


@pytest.mark.parametrize(("op", "shapes", "attrs"), [
    ("column_nms", [(1, 3, 4), (1, 6, 1)], {}), ("roi_align", [(1, 8, 6, 6), (3, 5)], GRID),
    ("multibox_detection", [(1, 3, 5), (1, 20), (1, 5, 4)], {}), ("box_encode", [(1, 5), (1, 5), (1, 5, 4), (1, 2, 4), (4,), (4,)], {}),
])  # fmt: skip
def test_operands_are_of_one_type(op: str, shapes: list[tuple[int, ...]], attrs: dict[str, Any]) -> None:
    b = GraphBuilder()
    inputs = [b.input(f"x{number}", shape, "f64" if number else "f32") for number, shape in enumerate(shapes)]
    with pytest.raises(VerifyError, match=r"of one (d?type|float type)|floats of one type"):
        b.op(op, *inputs, **attrs)


def test_fewer_rows_are_the_first() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 5, (2, 30, 2))
    x = np.concatenate([rng.uniform(size=(2, 30, 2)), corner, corner + 1], -1).astype(np.float32)
    definition = opdef("box_nms")
    whole, first = (definition.evaluate_arrays([x], definition.check_attrs(attrs))[0] for attrs in ({}, {"rows": 4}))
    np.testing.assert_array_equal(first, whole[:, :4])


@pytest.mark.parametrize(("images", "classes", "anchors"), [(2, 1, 3), (0, 3, 4), (2, 3, 0)])
def test_nothing_is_detected_where_nothing_can_be(images: int, classes: int, anchors: int) -> None:
    definition = opdef("multibox_detection")
    arrays = [np.ones(shape, np.float32) for shape in ((images, classes, anchors), (images, anchors * 4), (1, anchors, 4))]
    found = definition.evaluate_arrays(arrays, definition.check_attrs({"threshold": -2.0}))[0]
    np.testing.assert_array_equal(found, np.full((images, anchors, 6), -1, np.float32))
