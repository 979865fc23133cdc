"""Convex regions on random acyclic graphs with random support."""

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.passes.partition.regions import grow_regions, is_convex


@st.composite
def acyclic(draw: st.DrawFn) -> tuple["nx.DiGraph[int]", set[int]]:
    """Draws a graph whose edges rise, and which of its nodes are supported."""
    size = draw(st.integers(0, 14))
    pairs = [(a, b) for b in range(size) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3 * size)) if pairs else []
    view: nx.DiGraph[int] = nx.DiGraph()
    view.add_nodes_from(range(size))
    view.add_edges_from(edges)
    return view, draw(st.sets(st.integers(0, max(size - 1, 0)))) & set(range(size))


def condensed(view: "nx.DiGraph[int]", regions: list[list[int]]) -> "nx.DiGraph[int]":
    """Returns the graph in which each region is one node."""
    owner = {node: node for node in view} | {node: region[0] for region in regions for node in region}
    small: nx.DiGraph[int] = nx.DiGraph()
    small.add_nodes_from(owner.values())
    small.add_edges_from((owner[a], owner[b]) for a, b in view.edges if owner[a] != owner[b])
    return small


@given(acyclic())
def test_regions_hold_all_that_is_supported_once_and_make_no_cycle(case: tuple["nx.DiGraph[int]", set[int]]) -> None:
    view, supported = case
    regions = grow_regions(view, supported.__contains__)
    assert sorted(node for region in regions for node in region) == sorted(supported)
    assert all(region == sorted(region) for region in regions)
    assert all(is_convex(view, region) for region in regions)
    assert nx.is_directed_acyclic_graph(condensed(view, regions))
    assert all(nx.is_weakly_connected(view.subgraph(region)) for region in regions)


@given(acyclic())
def test_no_two_neighbours_could_be_one(case: tuple["nx.DiGraph[int]", set[int]]) -> None:
    view, supported = case
    regions = grow_regions(view, supported.__contains__)
    for a in regions:
        for b in regions:
            if a is not b and any(view.has_edge(x, y) for x in a for y in b):
                joined = condensed(view, [*(region for region in regions if region is not a and region is not b), [*a, *b]])
                assert not nx.is_directed_acyclic_graph(joined)


def test_a_branch_of_its_own_joins_what_comes_after_the_other() -> None:
    """0 -> 1 (no) -> 3, 2 -> 3: levels put 2 and 3 apart, but no other path leads from 2 to 3."""
    view: nx.DiGraph[int] = nx.DiGraph([(0, 1), (1, 3), (2, 3)])
    view = nx.DiGraph()
    view.add_nodes_from(range(4))
    view.add_edges_from([(0, 1), (1, 3), (2, 3)])
    assert grow_regions(view, lambda node: node != 1) == [[0], [2, 3]]


def test_a_diamond_with_an_unsupported_side_is_cut() -> None:
    view: nx.DiGraph[int] = nx.DiGraph()
    view.add_nodes_from(range(4))
    view.add_edges_from([(0, 1), (0, 2), (1, 3), (2, 3)])
    assert grow_regions(view, lambda node: node != 2) == [[0, 1], [3]]
    assert not is_convex(view, [0, 1, 3])


@pytest.mark.parametrize("size", [3000])
def test_long_chains_take_no_quadratic_time(size: int) -> None:
    """A chain with every third node unsupported: recursion or a path search for each edge would not end."""
    view: nx.DiGraph[int] = nx.DiGraph()
    view.add_nodes_from(range(size))
    view.add_edges_from((node, node + 1) for node in range(size - 1))
    regions = grow_regions(view, lambda node: node % 3 != 0)
    assert len(regions) == size // 3
    assert regions[0] == [1, 2]
