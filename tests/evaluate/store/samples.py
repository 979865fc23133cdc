"""Evaluations, and what their parts may give."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ngc.evaluate.accuracy import BINS, Tally
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.parts import Part
from ngc.evaluate.records import RUNNING, Evaluation, Machine, PartResult, Prediction, Span

BEGIN = datetime(2024, 11, 26, 12, 30, 15, 250_000, UTC)

MACHINE = Machine(hostname="host", architecture="x86_64", cpu="A processor", cores=4, memory=1 << 40, system="Linux", python="3.11.7", features=("avx2", "fma"))


def evaluation(id: str, **changes: Any) -> Evaluation:
    """Returns an evaluation of three parts of four inputs, with some fields changed."""
    fields = {
        "id": id, "created_at": BEGIN, "updated_at": BEGIN + timedelta(seconds=1), "mode": "dataset", "state": RUNNING, "model_name": "ResNet50_v1",
        "model_version": "1.0", "framework_name": "MXNet", "framework_version": "1.9.1", "dataset_category": "vision", "dataset_name": "validation",
        "target": "cpu", "precision": "fp32", "threads": 4, "batch_size": 2, "partition_list_size": 4, "parts": 3, "engine": "local",
        "trace_level": TraceLevel.MODEL_TRACE, "machine": MACHINE, "fingerprint": "abc", "settings": {"seed": 1, "calibration": None, "flags": ["a", "b"]},
    }  # fmt: skip
    return Evaluation(**{**fields, **changes})


def part_result(index: int, size: int = 4) -> PartResult:
    """Returns what a part of some inputs gives: classes 0, 1, 2 in turn, answered by 0, 1, 2, 3 in turn, and the last input of the part failed."""
    begin = index * size
    predictions = tuple(Prediction(at, f"images/{at}.jpg", at % 3, ((at % 4, 0.75), (at % 4 + 1, 0.25))) for at in range(begin, begin + size - 1))
    failed = Prediction(begin + size - 1, f"images/{begin + size - 1}.jpg", 2, (), "the image is broken")
    right = sum(prediction.expected == prediction.features[0][0] for prediction in predictions)
    tally = Tally(labelled=size - 1, failures=1, top1=right, top5=size - 1, bins=((0, 0, 0.0),) * (BINS - 1) + ((size - 1, right, 0.75 * (size - 1)),))
    spans = (Span("c_predict", TraceLevel.MODEL_TRACE, "t", f"s{index}", "", 10 * index, 10 * index + 5, {"batch": index}),)
    return PartResult(Part(index, begin, begin + size), (100.0 + index, 200.5), tally, (*predictions, failed), spans)


_SMALL = st.integers(0, 2**31 - 1)
_TEXT = st.text(st.characters(), max_size=20)  # with surrogates and NUL
_ANY_FLOAT = st.floats(allow_nan=False) | st.just(math.inf)  # NaN is equal to nothing, so it has a test of its own
_COUNTS = st.integers(0, 10**6)
_JSON = st.recursive(st.none() | st.booleans() | st.integers() | _ANY_FLOAT | _TEXT, lambda items: st.dictionaries(_TEXT, items, max_size=3), max_leaves=6)
_FEATURES = st.lists(st.tuples(_SMALL, st.floats(0, 1)), max_size=5).map(tuple)

tallies = st.builds(
    Tally, _COUNTS, _COUNTS, _COUNTS, _COUNTS, _COUNTS, st.dictionaries(st.tuples(_SMALL, _SMALL), _COUNTS, max_size=4),
    st.lists(st.tuples(_COUNTS, _COUNTS, _ANY_FLOAT), min_size=BINS, max_size=BINS).map(tuple),
)  # fmt: skip
spans = st.builds(
    Span, _TEXT, st.sampled_from(TraceLevel), _TEXT, _TEXT, _TEXT, st.integers(0, 2**63), st.integers(0, 2**63), st.dictionaries(_TEXT, _JSON, max_size=3)
)


@st.composite
def part_results(draw: st.DrawFn, index: int) -> PartResult:
    """Returns anything that the part of an index may give: inputs are 10 * index and later."""
    size = draw(st.integers(0, 6))
    part = Part(index, 10 * index, 10 * index + size)
    predictions = tuple(Prediction(at, draw(_TEXT), draw(st.none() | st.integers(0, 3)), draw(_FEATURES), draw(st.just("") | _TEXT))
                        for at in range(part.begin, part.end))  # fmt: skip
    return PartResult(part, tuple(draw(st.lists(_ANY_FLOAT, max_size=4))), draw(tallies), predictions, tuple(draw(st.lists(spans, max_size=2))))
