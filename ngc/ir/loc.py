"""Where a node comes from in the MXNet model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Loc:
    """One node of the source model: its name, and where known the file and the index in the file's node list."""

    name: str
    file: str = ""
    index: int = -1

    def __str__(self) -> str:
        place = f" (node {self.index} of {self.file})" if self.file and self.index >= 0 else ""
        return self.name + place


def merge(*groups: tuple[Loc, ...]) -> tuple[Loc, ...]:
    """Returns all locations in order, each once: what a fused node keeps of its parts."""
    return tuple(dict.fromkeys(loc for group in groups for loc in group))
