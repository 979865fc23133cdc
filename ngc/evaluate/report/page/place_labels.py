"""Places the labels of points so that they can be read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLACES: tuple[tuple[Literal["left", "center", "right"], int, int], ...] = (
    ("left", 6, 0), ("left", 6, 9), ("left", 6, -9), ("right", -6, 0), ("right", -6, 9), ("right", -6, -9), ("center", 0, 10), ("center", 0, -10),
    ("left", 12, 18), ("left", 12, -18), ("right", -12, 18), ("right", -12, -18),
)  # fmt: skip
"""Where a label may stand, best first: its alignment, and its distance from the point in typographic points."""


def place_labels(axes: "Axes", points: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Writes a label beside each point, in the first place where it meets no other label, no point and no border; without one in the first place of all."""
    from matplotlib.transforms import Bbox

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # fixes where the points are
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in axes.transData.transform(list(points))] if points else []
    inside = axes.get_tightbbox()
    assert inside is not None
    for point, label in zip(points, labels, strict=True):
        text = axes.annotate(label, point, fontsize=8, va="center", textcoords="offset points", xytext=(0, 0), parse_math=False)
        text.set_in_layout(False)
        boxes = []
        for align, right, up in _PLACES:
            text.set_horizontalalignment(align)
            text.xyann = (right, up)
            boxes.append(text.get_window_extent())
        free = [at for at, box in enumerate(boxes) if not any(box.overlaps(other) for other in taken) and inside.x0 <= box.x0 and box.x1 <= inside.x1]
        best = free[0] if free else 0
        text.set_horizontalalignment(_PLACES[best][0])
        text.xyann = _PLACES[best][1:]
        taken.append(boxes[best])
