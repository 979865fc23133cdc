"""Grows convex regions of supported nodes: parts of a graph that can be taken out as one node each without making a cycle.

A set of nodes is convex when no path leaves it and comes back. First, levels: a node's level is the largest of its producers', plus one wherever the edge goes
between a supported and an unsupported node. Along a path levels never fall, and a path that leaves the supported nodes of a level and comes back to supported
nodes has risen by two; so the connected supported nodes of one level are convex, and taking them all out leaves no cycle. That is linear in the graph's size.

Levels alone cut more than they must: of two branches that meet, the one with the unsupported node raises the level of what follows for both. So regions are
joined afterwards, along the edges between them, wherever no other path leads from the one to the other; on the graph of regions, which is small.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

import networkx as nx

T = TypeVar("T", bound=Hashable)


def grow_regions(view: "nx.DiGraph[T]", supported: Callable[[T], bool]) -> list[list[T]]:
    """Returns disjoint convex regions that hold all supported nodes, largest possible in that no two joined ones would be convex and connected.

    Args:
        view: an acyclic graph whose order of nodes is topological; regions and the nodes in them keep this order.
        supported: whether a node may be in a region.
    """
    level: dict[T, int] = {}
    for node in view:
        level[node] = max((level[before] + (supported(before) != supported(node)) for before in view.predecessors(node)), default=0)
    same: nx.Graph[T] = nx.Graph()
    same.add_nodes_from(node for node in view if supported(node))
    same.add_edges_from((a, b) for a, b in view.edges if a in same and b in same and level[a] == level[b])
    # Whatever is in no region stands for itself.
    owner: dict[T, int] = {node: number for number, node in enumerate(view)}
    for part in nx.connected_components(same):
        first = min(owner[node] for node in part)
        owner.update(dict.fromkeys(part, first))
    _join(view, supported, owner)
    regions: dict[int, list[T]] = {}
    for node in view:
        if supported(node):
            regions.setdefault(owner[node], []).append(node)
    return list(regions.values())


def _join(view: "nx.DiGraph[T]", supported: Callable[[T], bool], owner: dict[T, int]) -> None:
    """Joins regions along edges until none is left whose ends no other path connects."""
    condensed: nx.DiGraph[Any] = nx.DiGraph()
    condensed.add_nodes_from(owner.values())
    condensed.add_edges_from((owner[a], owner[b]) for a, b in view.edges if owner[a] != owner[b])
    regions = {owner[node] for node in owner if supported(node)}
    into: dict[int, int] = {}
    pending = [(a, b) for a, b in condensed.edges if a in regions and b in regions]
    while pending:
        kept = []
        for a, b in pending:
            a, b = _resolve(into, a), _resolve(into, b)
            if a == b:
                continue
            if _other_path(condensed, a, b):
                kept.append((a, b))
                continue
            nx.contracted_nodes(condensed, a, b, self_loops=False, copy=False)
            into[b] = a
        if len(kept) == len(pending):
            break  # nothing was joined, so nothing will be
        pending = kept
    for node, number in owner.items():
        owner[node] = _resolve(into, number)


def _resolve(into: dict[int, int], number: int) -> int:
    while number in into:
        number = into[number]
    return number


def _other_path(condensed: "nx.DiGraph[Any]", a: int, b: int) -> bool:
    """Whether a path of two or more edges leads from a to b."""
    return any(after != b and nx.has_path(condensed, after, b) for after in condensed.successors(a))


def is_convex(view: "nx.DiGraph[T]", nodes: Iterable[T]) -> bool:
    """Whether no path leaves a set of nodes and comes back to it."""
    inside = set(nodes)
    outside = {after for node in inside for after in view.successors(node)} - inside
    reached = set(outside)
    for node in outside:
        reached |= nx.descendants(view, node)
    return not reached & inside
