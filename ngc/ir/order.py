"""An ordered set of nodes with insertion anywhere, removal and comparison of positions in constant time."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ngc.ir.graph import Node

_GAP = 1 << 40
"""Distance of neighbours when ranks are dealt out: forty insertions at one place fit before ranks are dealt anew."""


class NodeOrder:
    """Nodes in an order: a doubly linked list whose ranks grow along it."""

    __slots__ = ("_first", "_last", "_next", "_previous", "_rank")

    def __init__(self, nodes: Iterable["Node"] = ()) -> None:
        self._rank: dict[Node, int] = {}
        self._next: dict[Node, Node | None] = {}
        self._previous: dict[Node, Node | None] = {}
        self._first: Node | None = None
        self._last: Node | None = None
        for node in nodes:
            self.append(node)

    def __len__(self) -> int:
        return len(self._rank)

    def __contains__(self, node: object) -> bool:
        return node in self._rank

    def __iter__(self) -> Iterator["Node"]:
        node = self._first
        while node is not None:
            yield node
            node = self._next[node]

    def append(self, node: "Node") -> None:
        """Places a node last."""
        self._rank[node] = self._rank[self._last] + _GAP if self._last is not None else 0
        self._link(node, self._last, None)

    def insert(self, node: "Node", before: "Node") -> None:
        """Places a node right before another."""
        previous = self._previous[before]
        low = self._rank[previous] if previous is not None else self._rank[before] - 2 * _GAP
        rank = (low + self._rank[before]) // 2
        self._rank[node] = rank
        self._link(node, previous, before)
        if rank == low:
            self._rank = {item: number * _GAP for number, item in enumerate(self)}

    def remove(self, node: "Node") -> None:
        """Takes a node out."""
        previous, following = self._previous.pop(node), self._next.pop(node)
        del self._rank[node]
        if previous is None:
            self._first = following
        else:
            self._next[previous] = following
        if following is None:
            self._last = previous
        else:
            self._previous[following] = previous

    def precedes(self, node: "Node", other: "Node") -> bool:
        """Whether a node stands before another."""
        return self._rank[node] < self._rank[other]

    def _link(self, node: "Node", previous: "Node | None", following: "Node | None") -> None:
        self._previous[node], self._next[node] = previous, following
        if previous is None:
            self._first = node
        else:
            self._next[previous] = node
        if following is None:
            self._last = node
        else:
            self._previous[following] = node
