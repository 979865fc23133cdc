"""Draws a diagram as SVG. Each cluster is laid out by itself and then takes part in the whole as one large node, which its convexity allows.

Arrows enter a cluster through its upper edge and leave it through the lower one, at ports, which take part in the cluster's own layout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from html import escape
from itertools import pairwise
from typing import Any

from ngc.visualize.diagram import Box, Cluster, Diagram
from ngc.visualize.elements import CHARACTER, document, number, tip
from ngc.visualize.layers import Layout, Place, lay_out

_LINE = 14.0
_PADDING_X, _PADDING_Y = 8.0, 5.0
_MARGIN = 12.0
_FRAME, _FRAME_TOP = 12.0, 24.0
"""Between a cluster's frame and its contents; at the top there is its label."""

STYLE = """
.ngc text { font: 11px system-ui, sans-serif; text-anchor: middle; fill: #1b1f24; }
.ngc .box rect { stroke: #57606a; stroke-width: 1; fill: #f6f8fa; }
.ngc .input rect, .ngc .output rect { fill: #ffffff; stroke-dasharray: 3 2; }
.ngc .outside rect { fill: #ffe3c2; stroke: #b35900; }
.ngc .inside rect, .ngc .engine rect { fill: #d8ecd4; stroke: #2c6e2f; }
.ngc .cluster rect { fill: #eff7ed; stroke: #2c6e2f; stroke-width: 1.5; }
.ngc .cluster text { text-anchor: start; font-weight: 600; fill: #2c6e2f; }
.ngc .arrow { fill: none; stroke: #57606a; stroke-width: 1.1; }
.ngc marker path { fill: #57606a; }
.ngc .label text { font-size: 10px; fill: #57606a; }
.ngc .title { font-size: 14px; font-weight: 600; text-anchor: start; }
"""


@dataclass(frozen=True)
class _Port:
    """Where arrows of one outside node enter a cluster, or those of one inside node leave it."""

    node: Any
    enters: bool


def svg_text(diagram: Diagram) -> str:
    """Returns a diagram as the text of an SVG document."""
    inner = {key: _lay_out_cluster(diagram, key) for key in diagram.clusters}
    owner = {key: box.cluster or key for key, box in diagram.boxes.items()}
    sizes = {unit: _frame_size(inner[unit], diagram.clusters[unit]) if unit in inner else _box_size(diagram.boxes[unit]) for unit in _units(diagram, owner)}
    outer_arrows = [(owner[a], owner[b]) for a, b in diagram.arrows if owner[a] != owner[b]]
    outer = lay_out(sizes, outer_arrows)

    def has_head(key: Any) -> bool:
        return diagram.boxes[key].kind != "label"

    parts = [_frame(diagram.clusters[key], outer.places[key]) for key in inner]
    for key, layout in inner.items():
        origin = outer.places[key].x + _FRAME, outer.places[key].y + _FRAME_TOP
        parts += [_arrow(_moved(_to_frame(layout, arrow, path), origin), arrow=not isinstance(arrow[1], _Port) and has_head(arrow[1]))
                  for arrow, path in layout.paths.items()]
        parts += [_box(diagram.boxes[name], _moved_place(place, origin)) for name, place in layout.places.items() if not isinstance(name, _Port)]
    for a, b in dict.fromkeys((a, b) for a, b in diagram.arrows if owner[a] != owner[b]):
        path = list(outer.paths[owner[a], owner[b]])
        path[0] = _port_spot(inner, outer, owner[a], _Port(a, False)) or path[0]
        end = _port_spot(inner, outer, owner[b], _Port(a, True))
        path[-1] = end or path[-1]
        parts.append(_arrow(path, arrow=end is None and has_head(b)))
    parts += [_box(box, outer.places[key]) for key, box in diagram.boxes.items() if not box.cluster]
    return _document(diagram.title, parts, outer)


def _units(diagram: Diagram, owner: Mapping[Any, Any]) -> list[Any]:
    """Returns boxes outside of clusters, and clusters, so that arrows between them rise."""
    before: dict[Any, set[Any]] = {unit: set() for unit in owner.values()}
    for a, b in diagram.arrows:
        if owner[a] != owner[b]:
            before[owner[b]].add(owner[a])
    place = {unit: number for number, unit in enumerate(before)}
    sorter = TopologicalSorter(before)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"the clusters make a cycle: {' -> '.join(map(str, error.args[1]))}") from error
    order: list[Any] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        order += ready
        sorter.done(*ready)
    return order


def _lay_out_cluster(diagram: Diagram, cluster: str) -> Layout:
    inside = {key: box for key, box in diagram.boxes.items() if box.cluster == cluster}
    entering = [(_Port(a, True), b) for a, b in diagram.arrows if b in inside and a not in inside]
    leaving = [(a, _Port(a, False)) for a, b in diagram.arrows if a in inside and b not in inside]
    ports = {port: (1.0, 1.0) for port, _ in entering}
    exits = {port: (1.0, 1.0) for _, port in leaving}
    arrows = [*entering, *((a, b) for a, b in diagram.arrows if a in inside and b in inside), *leaving]
    return lay_out({**ports, **{key: _box_size(box) for key, box in inside.items()}, **exits}, arrows, last=exits)


def _box_size(box: Box) -> tuple[float, float]:
    lines = box.label.split("\n")
    return max(map(len, lines)) * CHARACTER + 2 * _PADDING_X, len(lines) * _LINE + 2 * _PADDING_Y


def _frame_size(layout: Layout, cluster: Cluster) -> tuple[float, float]:
    return max(layout.width, len(cluster.label) * CHARACTER * 1.1) + 2 * _FRAME, layout.height + _FRAME_TOP + _FRAME


def _port_spot(inner: Mapping[str, Layout], outer: Layout, unit: Any, port: _Port) -> tuple[float, float] | None:
    """Returns where a port lies in the whole, on the frame; None where the unit is no cluster."""
    if unit not in inner:
        return None
    frame, place = outer.places[unit], inner[unit].places[port]
    return frame.x + _FRAME + place.middle, frame.y if port.enters else frame.bottom


def _to_frame(layout: Layout, arrow: tuple[Any, Any], path: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns the path of an arrow inside a cluster, from and to its frame where an end is a port."""
    start = [(path[0][0], -_FRAME_TOP)] if isinstance(arrow[0], _Port) else []
    end = [(path[-1][0], layout.height + _FRAME)] if isinstance(arrow[1], _Port) else []
    return [*start, *path, *end]


def _moved(path: Sequence[tuple[float, float]], origin: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x + origin[0], y + origin[1]) for x, y in path]


def _moved_place(place: Place, origin: tuple[float, float]) -> Place:
    return Place(place.x + origin[0], place.y + origin[1], place.width, place.height)


def _arrow(points: Sequence[tuple[float, float]], *, arrow: bool) -> str:
    """Returns a curve through points, vertical in each."""
    path = f"M{number(points[0][0])} {number(points[0][1])}"
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 == x1:
            path += f"V{number(y1)}"
        else:
            half = (y1 - y0) / 2
            path += f"C{number(x0)} {number(y0 + half)} {number(x1)} {number(y1 - half)} {number(x1)} {number(y1)}"
    marker = ' marker-end="url(#head)"' if arrow else ""
    return f'<path class="arrow" d="{path}"{marker}/>'


def _box(box: Box, place: Place) -> str:
    kind = "inside" if box.cluster else box.kind
    lines = box.label.split("\n")
    first = place.y + place.height / 2 - (len(lines) - 1) * _LINE / 2 + 4
    text = "".join(f'<text x="{number(place.middle)}" y="{number(first + row * _LINE)}">{escape(line)}</text>' for row, line in enumerate(lines))
    if box.kind == "label":
        return f'<g class="label">{text}</g>'
    return f'<g class="box {escape(kind)}">{tip(box.tip)}{_rect(place, 4)}{text}</g>'


def _frame(cluster: Cluster, place: Place) -> str:
    label = f'<text x="{number(place.x + 8)}" y="{number(place.y + 16)}">{escape(cluster.label)}</text>'
    return f'<g class="cluster">{tip(cluster.tip)}{_rect(place, 8)}{label}</g>'


def _rect(place: Place, radius: int) -> str:
    return f'<rect x="{number(place.x)}" y="{number(place.y)}" width="{number(place.width)}" height="{number(place.height)}" rx="{radius}"/>'


def _document(title: str, parts: Sequence[str], outer: Layout) -> str:
    top = 26.0
    width, height = max(outer.width, len(title) * 8) + 2 * _MARGIN, outer.height + top + 2 * _MARGIN
    head = ('<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z"/></marker></defs>')
    label = f'<text class="title" x="{number(_MARGIN)}" y="{number(_MARGIN + 12)}">{escape(title)}</text>'
    drawn = [f'<g transform="translate({number(_MARGIN)} {number(_MARGIN + top)})">', *parts, "</g>"]
    return document("ngc", title, STYLE, (width, height), [head, label, *drawn])
