"""Which nodes of a graph go to an engine, in which regions, and why the others stay."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ngc.engines.support import why_not_on
from ngc.errors import InputError
from ngc.ir import Graph, Node
from ngc.passes.partition.regions import grow_regions

Reason = Callable[[Node], str | None]
"""Returns why a node stays on the CPU, None where an engine takes it."""


@dataclass(frozen=True)
class PartitionOptions:
    """What a user may say about a partition, as `EngineOptions` documents it."""

    min_subgraph_size: int = 2
    excl_node_names: tuple[str, ...] = ()
    force_incl_node_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartitionPlan:
    """A graph divided.

    Attributes:
        regions: nodes of each region, in the graph's order, without constants.
        refused: nodes that the engine does not take or the user excludes, each with the reason.
        small: nodes that it would take, in regions that are too small, each with the reason.
    """

    regions: Sequence[Sequence[Node]]
    refused: Mapping[Node, str] = field(default_factory=dict)
    small: Mapping[Node, str] = field(default_factory=dict)

    @property
    def left(self) -> dict[Node, str]:
        """All nodes that stay, those refused first."""
        return {**self.refused, **self.small}


def plan_partition(graph: Graph, engine: str, options: PartitionOptions) -> PartitionPlan:
    """Returns what an engine takes of a graph.

    Raises:
        InputError: a name that no node has, or that is both excluded and forced.
    """
    return plan_by(graph, why_not_on(engine), options)


def plan_by(graph: Graph, why_not: Reason, options: PartitionOptions) -> PartitionPlan:
    """Returns what may be taken of a graph where `why_not` says what of it may.

    Raises:
        InputError: as `plan_partition`.
    """
    excluded, forced = set(options.excl_node_names), set(options.force_incl_node_names)
    _check_names(graph, options)
    refused: dict[Node, str] = {}
    for node in graph.nodes:
        if node.op == "const":
            continue
        reason = why_not(node) if not forced & names_of(node) else None
        if excluded & names_of(node):
            reason = "excluded by name"
        if reason is not None:
            refused[node] = reason
    view = graph.to_networkx()
    view.remove_nodes_from([node for node in graph.nodes if node.op == "const"])
    regions, small = [], {}
    for region in grow_regions(view, lambda node: node not in refused):
        if len(region) >= options.min_subgraph_size:
            regions.append(region)
            continue
        size = "one operator" if len(region) == 1 else f"{len(region)} operators"
        small.update(dict.fromkeys(region, f"its region has {size}, fewer than min_subgraph_size={options.min_subgraph_size}"))
    return PartitionPlan(regions, refused, small)


def names_of(node: Node) -> set[str]:
    """Returns the names by which a node can be meant: those of the MXNet nodes that it stands for, and its own."""
    return {node.name, *(loc.name for loc in node.locs)}


def _check_names(graph: Graph, options: PartitionOptions) -> None:
    known = {name for node in graph.nodes if node.op != "const" for name in names_of(node)}
    problems = []
    for option in ("excl_node_names", "force_incl_node_names"):
        for name in getattr(options, option):
            if name not in known:
                problems.append(f"{option}: the model has no node {name!r}{_suggestion(name, known)}")
    both = sorted({*options.excl_node_names} & {*options.force_incl_node_names})
    if both:
        problems.append(f"{', '.join(map(repr, both))}: both in excl_node_names and in force_incl_node_names")
    if problems:
        raise InputError("; ".join(problems))


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
