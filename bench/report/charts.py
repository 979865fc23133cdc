"""Plots in SVG. Colours are classes that the page's style sheet sets, so that plots follow its light and dark form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LEFT, _RIGHT = 800, 280, 150
_BAR, _GAP = 15, 9


@dataclass(frozen=True)
class Chart:
    """A plot as SVG text, and what it shows."""

    caption: str
    svg: str


@dataclass(frozen=True)
class Bar:
    """A bar: what stands before it, its length, what stands behind it, and its class."""

    name: str
    value: float
    text: str
    style: str


@dataclass(frozen=True)
class Group:
    """Bars that belong together, under a label."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Point:
    """A point of a roofline: FLOP per byte, GFLOP/s, what it is, and its class."""

    intensity: float
    gflops: float
    label: str
    style: str


def bar_chart(caption: str, groups: Sequence[Group], *, common: bool, rule: float | None = None) -> Chart:
    """Returns horizontal bars.

    Args:
        caption: what the plot shows.
        groups: the bars from top to bottom.
        common: one scale for all bars; else the longest bar of each group is as long as the plot is wide.
        rule: where a vertical line marks a value of the common scale.
    """
    longest = max([bar.value for group in groups for bar in group.bars] + ([rule] if rule else []), default=0.0)
    span = _WIDTH - _LEFT - _RIGHT
    bottom = _GAP + sum(_BAR * len(group.bars) + _GAP for group in groups)
    parts, y = [], _GAP
    if rule and longest:
        x = _LEFT + span * rule / longest
        parts.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{bottom}" class="rule"/>')
    for group in groups:
        scale = longest if common else max(bar.value for bar in group.bars)
        parts.append(f'<text x="0" y="{y + 12}" class="label">{escape(group.label)}</text>')
        for bar in group.bars:
            width = span * bar.value / scale if scale else 0
            parts.append(f'<text x="{_LEFT - 8}" y="{y + 12}" class="name">{escape(bar.name)}</text>'
                         f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" class="{bar.style}"/>'
                         f'<text x="{_LEFT + width + 6:.1f}" y="{y + 12}" class="value">{escape(bar.text)}</text>')  # fmt: skip
            y += _BAR
        y += _GAP
    return Chart(caption, _svg(caption, bottom, parts))


def roofline(caption: str, points: Sequence[Point], peak: float, bandwidth: float) -> Chart:
    """Returns points over arithmetic intensity, both axes logarithmic, under the roofs of the peak in GFLOP/s and of the bandwidth in GB/s."""
    height, left, bottom = 360, 60, 40
    ridge = peak / bandwidth
    x_low, x_high = _limits([point.intensity for point in points] + [ridge])
    y_low, y_high = _limits([point.gflops for point in points] + [peak])

    def x(value: float) -> float:
        return left + (_WIDTH - left - 10) * (math.log10(value) - x_low) / (x_high - x_low)

    def y(value: float) -> float:
        return 10 + (height - bottom - 10) * (y_high - math.log10(value)) / (y_high - y_low)

    parts = []
    for power in range(x_low, math.floor(x_high) + 1):
        parts.append(f'<line x1="{x(10.0**power):.1f}" y1="10" x2="{x(10.0**power):.1f}" y2="{height - bottom}" class="grid"/>'
                     f'<text x="{x(10.0**power):.1f}" y="{height - bottom + 16}" class="tick">{10.0**power:g}</text>')  # fmt: skip
    for power in range(y_low, math.floor(y_high) + 1):
        parts.append(f'<line x1="{left}" y1="{y(10.0**power):.1f}" x2="{_WIDTH - 10}" y2="{y(10.0**power):.1f}" class="grid"/>'
                     f'<text x="{left - 6}" y="{y(10.0**power) + 4:.1f}" class="name">{10.0**power:g}</text>')  # fmt: skip
    foot = max(10.0**x_low, 10.0**y_low / bandwidth)  # where the slope enters the plot
    parts.append(f'<line x1="{x(ridge):.1f}" y1="{y(peak):.1f}" x2="{_WIDTH - 10}" y2="{y(peak):.1f}" class="rule"/>'
                 f'<line x1="{x(foot):.1f}" y1="{y(foot * bandwidth):.1f}" x2="{x(ridge):.1f}" y2="{y(peak):.1f}" class="rule"/>'
                 f'<text x="{x(ridge) + 6:.1f}" y="{y(peak) - 5:.1f}" class="value">peak {peak:.0f} GFLOP/s</text>'
                 f'<text x="{x(foot) + 12:.1f}" y="{y(foot * bandwidth) - 5:.1f}" class="value">memory {bandwidth:.0f} GB/s</text>')  # fmt: skip
    parts += [f'<circle cx="{x(point.intensity):.1f}" cy="{y(point.gflops):.1f}" r="4" class="{point.style}"><title>{escape(point.label)}</title></circle>'
              for point in points]  # fmt: skip
    parts.append(f'<text x="{_WIDTH - 10}" y="{height - 6}" class="name">FLOP per byte of operands</text>')
    return Chart(caption, _svg(caption, height, parts))


def _limits(values: Sequence[float]) -> tuple[int, float]:
    """Returns the ends of a logarithmic axis: the power of ten below the values, and a little above the largest of them."""
    return math.floor(math.log10(min(values))), math.log10(max(values)) + 0.15


def _svg(caption: str, height: float, parts: Sequence[str]) -> str:
    return (f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" aria-label="{escape(caption)}">'
            f'{"".join(parts)}</svg>')  # fmt: skip
