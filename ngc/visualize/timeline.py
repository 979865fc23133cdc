"""Draws what ran when: a row for each thread over time, a bar for each piece of work, coloured by its kind; below it the costliest pieces, one bar each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ngc.visualize.elements import CHARACTER, document, number, tip

_WIDTH, _MARGIN, _ROW, _GAP = 1000.0, 12.0, 24.0, 4.0
_COSTLIEST = 20
"""How many pieces of work have a bar of their own."""

_COLOURS = ("#9ecae1", "#fdbe85", "#a1d99b", "#cbc9e2", "#fcae91", "#c7e9b4", "#f7b6d2", "#dbdb8d")
_OTHER = "#d0d7de"
"""For kinds beyond the colours, which are given by cost."""

_STYLE = """
.ngc-time text { font: 11px system-ui, sans-serif; fill: #1b1f24; }
.ngc-time .title { font-size: 14px; font-weight: 600; }
.ngc-time .number, .ngc-time .name { text-anchor: end; }
.ngc-time .tick { text-anchor: middle; fill: #57606a; }
.ngc-time line { stroke: #d0d7de; stroke-width: 1; }
.ngc-time .bar rect { stroke: #ffffff; stroke-width: 0.5; }
.ngc-time .bar:hover rect { stroke: #1b1f24; stroke-width: 1.5; }
"""


@dataclass(frozen=True)
class Span:
    """A piece of work on a row: which piece (an index), from when and how long, in microseconds."""

    row: int
    piece: int
    start: float
    duration: float


@dataclass(frozen=True)
class Piece:
    """What is done: its name, its kind, which its colour says, its cost in milliseconds, and what is shown when the pointer rests on it."""

    name: str
    kind: str
    ms: float
    tip: str


@dataclass(frozen=True)
class Timeline:
    """A picture before it is drawn."""

    title: str
    rows: tuple[str, ...]
    pieces: tuple[Piece, ...]
    spans: tuple[Span, ...]


def timeline_svg(timeline: Timeline) -> str:
    """Returns a timeline as the text of an SVG document."""
    kinds: defaultdict[str, float] = defaultdict(float)
    for piece in timeline.pieces:
        kinds[piece.kind] += piece.ms
    ordered = sorted(kinds, key=lambda kind: -kinds[kind])
    colours = {kind: _COLOURS[index] if index < len(_COLOURS) else _OTHER for index, kind in enumerate(ordered)}
    costliest = sorted(timeline.pieces, key=lambda piece: -piece.ms)[:_COSTLIEST]
    left = _MARGIN + CHARACTER * max((len(name) for name in (*timeline.rows, *(piece.name for piece in costliest))), default=0) + 8
    parts = [f'<text class="title" x="{number(_MARGIN)}" y="24">{escape(timeline.title)}</text>']
    y = 40.0
    parts += _legend(ordered, kinds, colours, y)
    y += 22
    parts += _axis(timeline, left, y)
    y += 20
    parts += _rows(timeline, colours, left, y)
    y += len(timeline.rows) * (_ROW + _GAP) + 20
    parts += _bars(costliest, colours, left, y)
    y += len(costliest) * (_ROW + _GAP)
    return document("ngc-time", timeline.title, _STYLE, (left + _WIDTH + 90, y + _MARGIN), parts)


def _legend(ordered: Sequence[str], kinds: dict[str, float], colours: dict[str, str], y: float) -> list[str]:
    parts, x = [], _MARGIN
    for kind in ordered:
        label = f"{kind} {kinds[kind]:.3f} ms"
        parts.append(f'<rect x="{number(x)}" y="{number(y)}" width="11" height="11" fill="{colours[kind]}"/>'
                     f'<text x="{number(x + 15)}" y="{number(y + 10)}">{escape(label)}</text>')
        x += 15 + CHARACTER * len(label) + 14
    return parts


def _end(timeline: Timeline) -> float:
    return max((span.start + span.duration for span in timeline.spans), default=0.0) or 1.0


def _axis(timeline: Timeline, left: float, y: float) -> list[str]:
    """Returns ticks at one, two or five times a power of ten microseconds, at most ten, with lines over all rows."""
    end = _end(timeline)
    step = next(factor * 10.0 ** power for power in range(-3, 12) for factor in (1, 2, 5) if factor * 10.0 ** power * 10 >= end)
    bottom = y + 20 + len(timeline.rows) * (_ROW + _GAP)
    parts = []
    for index in range(int(end / step) + 1):
        x = left + index * step / end * _WIDTH
        label = f"{index * step / 1000:g} ms" if step >= 100 else f"{index * step:g} µs"
        parts.append(f'<line x1="{number(x)}" y1="{number(y + 14)}" x2="{number(x)}" y2="{number(bottom)}"/>'
                     f'<text class="tick" x="{number(x)}" y="{number(y + 10)}">{label}</text>')
    return parts


def _rows(timeline: Timeline, colours: dict[str, str], left: float, y: float) -> list[str]:
    end = _end(timeline)
    parts = [f'<text class="name" x="{number(left - 8)}" y="{number(y + index * (_ROW + _GAP) + 16)}">{escape(name)}</text>'
             for index, name in enumerate(timeline.rows)]
    for span in timeline.spans:
        piece = timeline.pieces[span.piece]
        width = span.duration / end * _WIDTH
        label = piece.name if len(piece.name) * CHARACTER + 6 <= width else ""
        parts.append(_bar((left + span.start / end * _WIDTH, y + span.row * (_ROW + _GAP)), width, colours[piece.kind], piece.tip, label))
    return parts


def _bars(pieces: Sequence[Piece], colours: dict[str, str], left: float, y: float) -> list[str]:
    longest = max((piece.ms for piece in pieces), default=0.0) or 1.0
    parts = []
    for index, piece in enumerate(pieces):
        top = y + index * (_ROW + _GAP)
        width = piece.ms / longest * _WIDTH
        parts += [f'<text class="name" x="{number(left - 8)}" y="{number(top + 16)}">{escape(piece.name)}</text>',
                  _bar((left, top), width, colours[piece.kind], piece.tip, ""),
                  f'<text x="{number(left + width + 6)}" y="{number(top + 16)}">{piece.ms:.3f} ms</text>']
    return parts


def _bar(corner: tuple[float, float], width: float, colour: str, text: str, label: str) -> str:
    x, y = corner
    inside = f'<text x="{number(x + 3)}" y="{number(y + 16)}">{escape(label)}</text>' if label else ""
    # Four decimals: a network has thousands of kernels in a row of a thousand pixels.
    rect = f'<rect x="{x:.4f}" y="{number(y)}" width="{max(width, 0.1):.4f}" height="{number(_ROW)}" fill="{colour}"/>'
    return f'<g class="bar">{tip(text)}{rect}{inside}</g>'
