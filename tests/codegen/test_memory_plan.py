"""Memory plans: nothing that is alive at the same time overlaps, and offsets hold for every batch."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.memory_plan import ALIGNMENT, Request, plan_memory

LIVES = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)


@st.composite
def requests(draw: st.DrawFn) -> list[Request]:
    count = draw(st.integers(0, 14))
    return [Request(index, draw(st.integers(0, 5000)), draw(st.booleans()), *draw(LIVES)) for index in range(count)]


@settings(deadline=None, max_examples=100)
@given(requests(), st.integers(1, 5))
def test_buffers_alive_together_never_overlap(wanted: list[Request], batch: int) -> None:
    plan = plan_memory(wanted)
    spans = {}
    for request in wanted:
        fixed, per_image = plan.offsets[request.key]
        start = fixed + batch * per_image
        size = request.size * (batch if request.per_image else 1)
        assert start % ALIGNMENT == 0
        assert start + size <= plan.size(batch)
        spans[request.key] = (start, start + size)
    for a in wanted:
        for b in wanted:
            if a.key < b.key and a.overlaps(b) and a.size and b.size:
                assert spans[a.key][1] <= spans[b.key][0] or spans[b.key][1] <= spans[a.key][0]


def test_buffers_that_follow_each_other_share_memory() -> None:
    chain = [Request(index, 1000, False, index, index + 1) for index in range(10)]
    assert plan_memory(chain).fixed == 2 * 1024


def test_the_lowest_fitting_gap_is_taken() -> None:
    plan = plan_memory([Request("big", 4096, False, 0, 3), Request("early", 2048, False, 0, 1), Request("late", 1024, False, 2, 3)])
    assert plan.offsets["big"] == (0, 0)
    assert plan.offsets["early"] == plan.offsets["late"] == (4096, 0)
    assert plan.fixed == 6144
