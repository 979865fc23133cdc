"""The picture of a profile: bars where the time was, in one scale, colours by cost."""

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.visualize.timeline import Piece, Span, Timeline, timeline_svg

SVG = "{http://www.w3.org/2000/svg}"


def bars(svg: str) -> list[dict[str, str]]:
    """Returns the rectangles of all bars, those of the rows first."""
    return [dict(rect.attrib) for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if group.get("class") == "bar" for rect in group.findall(f"{SVG}rect")]


def test_bars_lie_where_the_time_was() -> None:
    pieces = (Piece("conv0", "conv2d", 0.3, "conv2d %conv0"), Piece("pool<0>", "pool", 0.1, "a & b"))
    spans = (Span(0, 0, 0.0, 100.0), Span(1, 0, 0.0, 50.0), Span(0, 1, 100.0, 100.0))
    svg = timeline_svg(Timeline("0.4 ms", ("thread 0", "thread 1"), pieces, spans))
    first, second, third, *costs = bars(svg)
    left = float(first["x"])
    assert [float(bar["width"]) for bar in (first, second, third)] == [500, 250, 500]
    assert [float(bar["x"]) - left for bar in (first, second, third)] == [0, 0, 500]
    assert first["y"] == third["y"] != second["y"]
    assert first["fill"] == second["fill"] != third["fill"]
    assert [round(float(bar["width"])) for bar in costs] == [1000, 333]
    texts = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert {"0.4 ms", "thread 1", "pool<0>", "conv2d 0.300 ms", "100 µs", "0.300 ms"} <= set(texts)
    assert [title.text for title in ElementTree.fromstring(svg).iter(f"{SVG}title")][1:4] == ["conv2d %conv0", "conv2d %conv0", "a & b"]


def test_no_work_at_all() -> None:
    assert bars(timeline_svg(Timeline("nothing", ("thread 0",), (), ()))) == []


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e7), st.floats(0, 1e7)), min_size=1, max_size=30))
def test_everything_is_inside(spans: list[tuple[int, float, float]]) -> None:
    pieces = tuple(Piece(f"k{index}", f"kind{index % 11}", duration / 1e3, "") for index, (_, _, duration) in enumerate(spans))
    svg = timeline_svg(Timeline("t", tuple(f"thread {row}" for row in range(4)), pieces,
                                tuple(Span(row, index, start, duration) for index, (row, start, duration) in enumerate(spans))))
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for bar in bars(svg):
        assert 0 <= float(bar["x"]) <= float(bar["x"]) + float(bar["width"]) <= width
        assert 0 <= float(bar["y"]) <= float(bar["y"]) + float(bar["height"]) <= height
    assert sum(text.get("class") == "tick" for text in root.iter(f"{SVG}text")) <= 11
