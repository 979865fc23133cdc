"""Lays out an acyclic graph in layers, from top to bottom (Sugiyama, Tagawa, Toda 1981).

    layer     the longest path from a source
    bends     an arrow over several layers gets a bend in each, which it shares with the other arrows of its source
    order     within a layer by the mean position of neighbours, a few sweeps down and up; the one with the fewest crossings stays
    x         the least squares from the mean of neighbours that keep order and distance, by pooling adjacent violators, a few sweeps down and up
    y         a layer is as high as its highest node
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Key = Any
"""Whatever names a node; hashable."""

GAP = 14.0
"""Between nodes of a layer."""

LAYER_GAP = 26.0
"""Between layers."""

BEND = 6.0
"""The width that a bend takes."""

_SWEEPS = 12


@dataclass(frozen=True)
class Place:
    """The rectangle of a node: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The x of its middle."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """The y of its lower edge."""
        return self.y + self.height


@dataclass(frozen=True)
class Layout:
    """Where everything goes: nodes, the points that each arrow passes, and the size of the whole."""

    places: Mapping[Key, Place]
    paths: Mapping[tuple[Key, Key], Sequence[tuple[float, float]]]
    width: float
    height: float


@dataclass(frozen=True)
class _Bend:
    source: Hashable
    layer: int


def lay_out(sizes: Mapping[Key, tuple[float, float]], arrows: Iterable[tuple[Key, Key]], *, last: Iterable[Key] = ()) -> Layout:
    """Returns the layout of a graph.

    Args:
        sizes: width and height of each node; in topological order.
        arrows: between nodes, each from an earlier one to a later one.
        last: nodes without outgoing arrows that belong into the last layer.
    """
    if not sizes:
        return Layout({}, {}, 0.0, 0.0)
    arrows = list(dict.fromkeys(arrows))
    layer = _layers(sizes, arrows)
    bottom = max(layer.values())
    layer.update(dict.fromkeys(last, bottom))
    links, chains = _with_bends(arrows, layer)
    rows: list[list[Key]] = [[] for _ in range(bottom + 1)]
    for key, number in layer.items():
        rows[number].append(key)
    above: dict[Key, list[Key]] = {key: [] for row in rows for key in row}
    below: dict[Key, list[Key]] = {key: [] for row in rows for key in row}
    for a, b in links:
        below[a].append(b)
        above[b].append(a)
    rows = _ordered(rows, above, below)
    widths = {key: sizes[key][0] if key in sizes else BEND for row in rows for key in row}
    middles = _middles(rows, above, below, widths)
    left = min(middles[key] - widths[key] / 2 for row in rows for key in row)
    places, y = {}, 0.0
    for row in rows:
        height = max(sizes[key][1] if key in sizes else 0.0 for key in row)
        for key in row:
            own = sizes[key][1] if key in sizes else height
            places[key] = Place(middles[key] - widths[key] / 2 - left, y + (height - own) / 2, widths[key], own)
        y += height + LAYER_GAP
    paths = {arrow: _path([places[key] for key in chain]) for arrow, chain in chains.items()}
    return Layout({key: places[key] for key in sizes}, paths, max(place.x + place.width for place in places.values()), y - LAYER_GAP)


def _layers(keys: Iterable[Key], arrows: Sequence[tuple[Key, Key]]) -> dict[Key, int]:
    before: dict[Key, list[Key]] = {}
    for a, b in arrows:
        before.setdefault(b, []).append(a)
    layer: dict[Key, int] = {}
    for key in keys:
        layer[key] = max((layer[other] + 1 for other in before.get(key, ())), default=0)
    return layer


def _with_bends(arrows: Sequence[tuple[Key, Key]], layer: dict[Key, int]) -> tuple[list[tuple[Key, Key]], dict[tuple[Key, Key], list[Key]]]:
    """Returns links between neighbouring layers, and the nodes and bends that each arrow passes; bends get their layers."""
    chains = {(a, b): [a, *(_Bend(a, number) for number in range(layer[a] + 1, layer[b])), b] for a, b in arrows}
    for chain in chains.values():
        layer.update({bend: bend.layer for bend in chain[1:-1]})
    return list(dict.fromkeys(link for chain in chains.values() for link in pairwise(chain))), chains


def _ordered(rows: list[list[Key]], above: Mapping[Key, list[Key]], below: Mapping[Key, list[Key]]) -> list[list[Key]]:
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        rows = [list(row) for row in rows]
        for number in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            spot = {key: place for place, key in enumerate(rows[number - 1 if down else number + 1])}
            neighbours = above if down else below
            place = {key: index for index, key in enumerate(rows[number])}
            mean = {key: _mean([spot[other] for other in neighbours[key]], place[key]) for key in rows[number]}
            rows[number].sort(key=mean.__getitem__)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: Sequence[Sequence[Key]], below: Mapping[Key, list[Key]]) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        spot = {key: place for place, key in enumerate(lower)}
        ends = [spot[other] for key in upper for other in sorted(below[key], key=spot.__getitem__)]
        total += sum(later < earlier for at, earlier in enumerate(ends) for later in ends[at + 1:])
    return total


def _middles(rows: Sequence[Sequence[Key]], above: Mapping[Key, list[Key]], below: Mapping[Key, list[Key]], widths: Mapping[Key, float]) -> dict[Key, float]:
    middles: dict[Key, float] = {}
    for row in rows:
        x = 0.0
        for key in row:
            middles[key] = x + widths[key] / 2
            x += widths[key] + GAP
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean([middles[other] for other in (*above[key], *below[key])], middles[key]) for key in row]
            steps = [(widths[a] + widths[b]) / 2 + GAP for a, b in pairwise(row)]
            middles.update(zip(row, spread(wanted, steps), strict=True))
    return middles


def spread(wanted: Sequence[float], steps: Sequence[float]) -> list[float]:
    """Returns positions x with x[i + 1] - x[i] >= steps[i] whose squared distances from `wanted` are least in sum."""
    offsets = [0.0]
    for step in steps:
        offsets.append(offsets[-1] + step)
    blocks: list[tuple[float, int]] = []  # mean and size; the means rise
    for value in (want - offset for want, offset in zip(wanted, offsets, strict=False)):
        mean, size = value, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        blocks.append((mean, size))
    level = [mean for mean, size in blocks for _ in range(size)]
    return [value + offset for value, offset in zip(level, offsets, strict=False)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _path(chain: Sequence[Place]) -> list[tuple[float, float]]:
    points = [(chain[0].middle, chain[0].bottom)]
    for bend in chain[1:-1]:
        points += [(bend.middle, bend.y), (bend.middle, bend.bottom)]
    return [*points, (chain[-1].middle, chain[-1].y)]
