"""Places buffers in one arena so that no two that are alive at the same time overlap.

Greedy by size with best fit among the gaps (Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020): the largest buffer
first, each at the lowest offset that is free over its whole life. Buffers of a fixed size and buffers that grow with the batch lie in two regions:
[fixed | N * per-image], so every offset is linear in N and a plan made once holds for every batch.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


@dataclass(frozen=True)
class Request:
    """A buffer: who it is for, its bytes (fixed, or per image of the batch), and the first and last step at which it is alive."""

    key: Hashable
    size: int
    per_image: bool
    first: int
    last: int

    def overlaps(self, other: "Request") -> bool:
        """Whether both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets per key as (fixed bytes, bytes per image); the arena of a batch N is `fixed + N * per_image` bytes."""

    offsets: dict[Hashable, tuple[int, int]]
    fixed: int
    per_image: int

    def size(self, batch: int) -> int:
        """Returns the arena's bytes for a batch."""
        return self.fixed + batch * self.per_image


def round_up(size: int) -> int:
    """Returns the size rounded up to whole cache lines."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def plan_memory(requests: Sequence[Request]) -> MemoryPlan:
    """Returns a plan for all requests; those of size 0 get an offset too."""
    fixed_offsets, fixed = _place([request for request in requests if not request.per_image])
    image_offsets, per_image = _place([request for request in requests if request.per_image])
    # The batch's region begins behind the fixed one: its offsets are fixed + N * offset.
    offsets: dict[Hashable, tuple[int, int]] = {key: (offset, 0) for key, offset in fixed_offsets.items()}
    offsets.update({key: (fixed, offset) for key, offset in image_offsets.items()})
    return MemoryPlan(offsets, fixed, per_image)


def interference(requests: Sequence[Request]) -> list[set[int]]:
    """Returns for each request the positions of those that are alive at some step of its life."""
    others: list[set[int]] = [set() for _ in requests]
    active: list[int] = []
    for index in sorted(range(len(requests)), key=lambda i: (requests[i].first, i)):
        active = [other for other in active if requests[other].last >= requests[index].first]
        for other in active:
            others[index].add(other)
            others[other].add(index)
        active.append(index)
    return others


def _place(requests: Sequence[Request]) -> tuple[dict[Hashable, int], int]:
    others = interference(requests)
    offsets: dict[int, int] = {}
    total = 0
    for index in sorted(range(len(requests)), key=lambda i: (-requests[i].size, requests[i].first, i)):
        size = round_up(requests[index].size)
        taken = sorted((offsets[other], offsets[other] + round_up(requests[other].size)) for other in others[index] if other in offsets)
        best, gap, position = None, None, 0
        for start, end in taken:
            if start - position >= size and (gap is None or start - position < gap):
                best, gap = position, start - position
            position = max(position, end)
        offsets[index] = position if best is None else best
        total = max(total, offsets[index] + size)
    return {requests[index].key: offset for index, offset in offsets.items()}, total
