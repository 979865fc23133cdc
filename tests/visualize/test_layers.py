"""The layout: order, distances and arrows, on random graphs."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.visualize.layers import GAP, LAYER_GAP, Layout, lay_out, spread

NUMBERS = st.floats(-100, 100)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int, tuple[float, float]], list[tuple[int, int]]]:
    size = draw(st.integers(1, 10))
    pairs = [(a, b) for b in range(size) for a in range(b)]
    arrows = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * size)) if pairs else []
    sizes = st.tuples(st.floats(1, 80), st.floats(1, 40))
    return {key: draw(sizes) for key in range(size)}, arrows


@given(graphs())
def test_arrows_go_down_from_node_to_node_and_nothing_overlaps(graph: tuple[dict[int, tuple[float, float]], list[tuple[int, int]]]) -> None:
    sizes, arrows = graph
    layout = lay_out(sizes, arrows)
    places = layout.places
    assert places.keys() == sizes.keys()
    for (a, b), path in layout.paths.items():
        assert path[0] == (places[a].middle, places[a].bottom)
        assert path[-1] == (places[b].middle, places[b].y)
        assert all(y0 <= y1 + 1e-9 for (_, y0), (_, y1) in pairwise(path))
        assert places[b].y - places[a].bottom >= LAYER_GAP - 1e-6
    for a in places.values():
        assert -1e-6 <= a.x <= a.x + a.width <= layout.width + 1e-6
        assert 0 <= a.y <= a.bottom <= layout.height + 1e-6
        for b in places.values():
            apart = a.x + a.width + GAP <= b.x + 1e-6 or b.x + b.width + GAP <= a.x + 1e-6 or a.bottom <= b.y or b.bottom <= a.y
            assert a is b or apart
    assert layout == lay_out(sizes, arrows)


def test_an_arrow_past_a_node_goes_around_it() -> None:
    layout = lay_out({"a": (40, 20), "b": (40, 20), "c": (40, 20)}, [("a", "b"), ("b", "c"), ("a", "c")])
    around = [x for x, y in layout.paths["a", "c"] if layout.places["b"].y <= y <= layout.places["b"].bottom]
    assert around
    assert all(x < layout.places["b"].x or x > layout.places["b"].x + 40 for x in around)


def test_nothing_is_as_large_as_nothing() -> None:
    assert lay_out({}, []) == Layout({}, {}, 0.0, 0.0)


def test_what_is_to_be_last_is_in_the_last_layer() -> None:
    layout = lay_out({"a": (10, 10), "port": (1, 1), "b": (10, 10), "c": (10, 10)}, [("a", "port"), ("a", "b"), ("b", "c")], last=["port"])
    assert layout.places["c"].y < layout.places["port"].y < layout.places["c"].bottom


@given(st.lists(st.tuples(NUMBERS, st.floats(0, 20)), min_size=1, max_size=8))
def test_positions_keep_their_distance_and_none_could_be_better(case: list[tuple[float, float]]) -> None:
    wanted, steps = [want for want, _ in case], [step for _, step in case[1:]]
    found = spread(wanted, steps)
    assert all(b - a >= step - 1e-6 for (a, b), step in zip(pairwise(found), steps, strict=True))
    # Blocks of positions that touch are where the mean of their wishes is, so no block gains by moving.
    blocks: list[list[int]] = [[0]]
    for at in range(1, len(found)):
        if found[at] - found[at - 1] > steps[at - 1] + 1e-6:
            blocks.append([])
        blocks[-1].append(at)
    for block in blocks:
        assert sum(found[at] - wanted[at] for at in block) == pytest.approx(0, abs=1e-3)
