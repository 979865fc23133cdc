"""What is drawn, whatever it comes from: boxes with arrows between them, some of the boxes together in clusters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Box:
    """One node.

    Attributes:
        label: what it does; lines are separated by newlines.
        kind: what its colour says: "input", "operator", "outside" (left to the CPU by an engine), "engine" or "output"; "label" is
            text on arrows from one box, without a frame.
        tip: shown when the pointer rests on it.
        cluster: the key of the cluster that it lies in; empty for none.
    """

    label: str
    kind: str = "operator"
    tip: str = ""
    cluster: str = ""


@dataclass(frozen=True)
class Cluster:
    """A frame around boxes, such as a region that an engine executes. No path leaves it and comes back."""

    label: str
    tip: str = ""


@dataclass(frozen=True)
class Diagram:
    """A picture before it is laid out.

    Attributes:
        title: of the picture.
        boxes: by key, hashable, each after those of its cluster that arrows to it come from.
        arrows: (from, to) keys.
        clusters: by key; none is a box's key too.
    """

    title: str
    boxes: Mapping[Any, Box]
    arrows: tuple[tuple[Any, Any], ...]
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
