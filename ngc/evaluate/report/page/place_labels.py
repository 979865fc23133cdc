"""Places the labels of points so that they can be read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

_PLACES: tuple[tuple[Literal["left", "center", "right"], int, int], ...] = (
    ("left", 6, 0), ("left", 6, 9), ("left", 6, -9), ("right", -6, 0), ("right", -6, 9), ("right", -6, -9), ("center", 0, 10), ("center", 0, -10),
    ("left", 12, 18), ("right", -12, 18), ("left", 12, -18), ("right", -12, -18), ("left", 12, -27), ("right", -12, -27), ("left", 12, -36),
    ("right", -12, -36), ("left", 12, -45), ("right", -12, -45),
)  # fmt: skip
"""Where a label may stand, best first: its alignment, and its distance from the point in typographic points."""


def place_labels(axes: "Axes", points: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Writes a label beside each point, in the first place where it meets no other label, no point and no border; without one where it meets the fewest."""
    from matplotlib.transforms import Bbox

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # fixes where the points are
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in axes.transData.transform(list(points))] if points else []
    inside = axes.get_window_extent()
    for point, label in zip(points, labels, strict=True):
        text = axes.annotate(label, point, fontsize=8, va="center", textcoords="offset points", xytext=(0, 0), parse_math=False)
        text.set_in_layout(False)
        boxes = []
        for align, right, up in _PLACES:
            text.set_horizontalalignment(align)
            text.xyann = (right, up)
            boxes.append(text.get_window_extent())
        best = min(range(len(boxes)), key=lambda at: (_outside(boxes[at], inside), sum(boxes[at].overlaps(other) for other in taken), at))
        text.set_horizontalalignment(_PLACES[best][0])
        text.xyann = _PLACES[best][1:]
        taken.append(boxes[best])


def _outside(box: "Bbox", inside: "Bbox") -> float:
    """Returns how far a box reaches over the borders of another one."""
    return float(max(0.0, inside.x0 - box.x0) + max(0.0, box.x1 - inside.x1) + max(0.0, inside.y0 - box.y0) + max(0.0, box.y1 - inside.y1))
