"""What the importer says of operators whose attributes or inputs do not fit. Symbols are written as JSON, so MXNet is not needed."""

import json
import re

import numpy as np
import pytest

from ngc.errors import ImportFailure, InputError, UnsupportedOperator
from ngc.importer import import_model
from tests.importer.test_build import graph_json, node, variable

Shape = tuple[int, ...]


def imported(op: str, *shapes: Shape, params: dict[str, np.ndarray] | None = None, **attrs: str) -> None:
    """Imports one node over as many inputs as there are shapes."""
    names = [f"x{index}" for index in range(len(shapes))]
    symbol = graph_json(*map(variable, names), node(op, "z", *range(len(names)), **attrs))
    import_model((json.dumps(symbol), params or {}, {}), shapes={name: shape for name, shape in zip(names, shapes, strict=True) if name not in (params or {})})


IMAGE = (2, 6, 5, 4)


@pytest.mark.parametrize(("op", "shapes", "attrs", "message"), [
    ("_split_v2", [(2, 6)], {"indices": "(0, 9)", "axis": "1"}, "indices = [0, 9]: expected starts of pieces that rise from 0 to at most 6"),
    ("_split_v2", [(2, 6)], {"indices": "()", "sections": "4", "axis": "1"}, "axis 1 of data of shape (2, 6) is no 4 equal parts"),
    ("slice", [(2, 6)], {"begin": "(0, 1, 2)", "end": "(1, 2, 3)"}, "expected as many numbers each, at most 2"),
    ("slice_like", [(2, 6), (2,)], {"axes": "(1,)"}, "axis 1 is outside the shape to copy, (2,)"),
    ("slice_like", [(2, 6), (2, 9)], {"axes": "(1,)"}, "axis 1 of (2, 6) cannot be cut to that of (2, 9)"),
    ("reverse", [(2, 6)], {"axis": "(-1,)"}, "axis = (-1,): expected axes counted from 0"),
    ("Crop", [IMAGE], {"num_args": "1", "h_w": "(2,)"}, "a crop to (2,) at (0, 0): expected height and width each"),
    ("Convolution", [IMAGE, (4, 6, 3, 3)], {"kernel": "(3, 3)", "num_filter": "4"}, "2 inputs with no_bias=False, expected data, weight, bias"),
    ("Convolution", [IMAGE, (4, 6, 3, 3)], {"kernel": "(3, 3)", "num_filter": "4", "num_group": "4", "no_bias": "True"},
     "num_group = 4 divides not both 6 channels and 4 filters"),
    ("Deconvolution", [IMAGE, (6, 4, 3, 3)], {"kernel": "(3, 3)", "num_filter": "4", "num_group": "4", "no_bias": "True"},
     "num_group = 4 divides not both 6 channels and 4 filters"),
    ("UpSampling", [IMAGE, (2, 6, 3, 4)], {"scale": "2", "sample_type": "nearest", "num_args": "2"},
     "input 1 of shape (2, 6, 3, 4) cannot be repeated to [10, 8]"),
    ("softmax", [(2, 6)], {"temperature": "0"}, "temperature = 0: expected another number"),
    ("smooth_l1", [(2, 6)], {"scalar": "0"}, "scalar = 0: expected another number"),
    ("Reshape", [(2, 6)], {}, "neither shape nor target_shape is given"),
    ("broadcast_axis", [(2, 1)], {"axis": "(1,)", "size": "(3, 4)"}, "1 axes and 2 sizes, expected as many"),
    ("broadcast_like", [(2, 1), (2, 3)], {"lhs_axes": "(1,)", "rhs_axes": "(0, 1)"}, "1 axes on the left and 2 on the right, expected as many"),
    ("SliceChannel", [(2, 6)], {"num_outputs": "999999999"}, "expected at most"),
    ("gather_nd", [(4,), (1,)], {}, "indices of shape (1,), expected 2 dimensions or more"),
    ("_npi_eye", [], {"N": "3", "M": "0"}, "3 by 0 elements, expected 1 to"),
    ("_linspace", [], {"start": "0", "stop": "1", "num": "3", "step": "1"}, "step"),
    ("Pooling", [IMAGE], {"global_pool": "perhaps"}, "global_pool = 'perhaps': expected True, False, 1 or 0"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_does_not_fit(op: str, shapes: list[Shape], attrs: dict[str, str], message: str) -> None:
    with pytest.raises(ImportFailure, match=re.escape(message)) as caught:
        imported(op, *shapes, **attrs)
    assert "'z'" in str(caught.value), "the message names the node"


def test_outputs_cannot_be_none_at_all() -> None:
    symbol = graph_json(variable("data"), node("relu", "z", 0))
    with pytest.raises(InputError, match="outputs is empty; name at least one value, or pass None for the symbol's own heads"):
        import_model((json.dumps(symbol), {}, {}), shapes={"data": (1, 2)}, outputs=[])


@pytest.mark.parametrize(("hidden", "message"), [
    ({"__shape__": "(1, x)"}, "__shape__ = '(1, x)'"), ({"__dtype__": "99"}, "__dtype__ = '99'"),
])
def test_hidden_attributes_that_make_no_sense(hidden: dict[str, str], message: str) -> None:
    symbol = graph_json(variable("data", **hidden), node("relu", "z", 0))
    with pytest.raises(ImportFailure, match=re.escape(message)):
        import_model((json.dumps(symbol), {}, {}), shapes=None if "__shape__" in hidden else {"data": (1, 2)})


def test_a_version_that_is_no_number() -> None:
    symbol = graph_json(variable("data"), node("relu", "z", 0))
    symbol["attrs"] = {"mxnet_version": "new"}
    with pytest.raises(ImportFailure, match=re.escape("'mxnet_version' must be [\"int\", number], found new")):
        import_model((json.dumps(symbol), {}, {}), shapes={"data": (1, 2)})


@pytest.mark.parametrize(("op", "reason"), [
    ("L2Normalization", "MXNet takes no others"), ("multi_sum_sq", "MXNet takes no others"), ("norm", "MXNet truncates norms of others to integers"),
])
def test_operators_of_floats(op: str, reason: str) -> None:
    symbol = graph_json(variable("x"), node(op, "z", 0))
    with pytest.raises(ImportFailure, match=f"data of i32, expected floats: {reason}"):
        import_model((json.dumps(symbol), {}, {}), shapes={"x": (2, 3)}, dtypes={"x": "int32"})


@pytest.mark.parametrize(("attrs", "message"), [
    ({"repeat": "2"}, "repeat=2, of which MXNet knows 1"), ({"infer_range": "True"}, "infer_range=True, a length that only"),
])
def test_ranges_that_cannot_be(attrs: dict[str, str], message: str) -> None:
    with pytest.raises(UnsupportedOperator, match=f"_npi_arange with {message}"):
        imported("_npi_arange", start="0", stop="3", **attrs)
