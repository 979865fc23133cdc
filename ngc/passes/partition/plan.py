"""Which nodes of a graph go to an engine, in which regions, and why the others stay."""

import difflib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import networkx as nx

from ngc.engines.support import why_not_on
from ngc.errors import InputError
from ngc.ir import Graph, Node
from ngc.passes.partition.regions import grow_regions

N = TypeVar("N", bound=Hashable)

Reason = Callable[[Node], str | None]
"""Returns why a node stays on the CPU, None where an engine takes it."""


@dataclass(frozen=True)
class PartitionOptions:
    """What a user may say about a partition, as `EngineOptions` documents it."""

    min_subgraph_size: int = 2
    excl_node_names: tuple[str, ...] = ()
    force_incl_node_names: tuple[str, ...] = ()
    strict: bool = True
    """Whether names that no node has are errors."""


@dataclass(frozen=True)
class PartitionPlan(Generic[N]):
    """A graph divided: one of the IR's nodes, or of other nodes, such as MXNet's operators.

    Attributes:
        regions: nodes of each region, in the graph's order, without constants.
        refused: nodes that the engine does not take or the user excludes, each with the reason.
        small: nodes that it would take, in regions that are too small, each with the reason.
    """

    regions: Sequence[Sequence[N]]
    refused: Mapping[N, str] = field(default_factory=dict)
    small: Mapping[N, str] = field(default_factory=dict)

    @property
    def left(self) -> dict[N, str]:
        """All nodes that stay, those refused first."""
        return {**self.refused, **self.small}


def plan_partition(graph: Graph, engine: str, options: PartitionOptions) -> PartitionPlan[Node]:
    """Returns what an engine takes of a graph.

    Raises:
        InputError: a name that no node has, or that is both excluded and forced.
    """
    supported = why_not_on(engine)
    return plan_by(graph, lambda node: _why_no_array(node) or supported(node), options)


def _why_no_array(node: Node) -> str | None:
    """Returns why a node can stand at no border of a region, across which numpy arrays are passed."""
    return "numpy, which hands values over, has no bf16" if any(value.type.dtype == "bf16" for value in (*node.inputs, *node.outputs)) else None


def plan_by(graph: Graph, why_not: Reason, options: PartitionOptions) -> PartitionPlan[Node]:
    """Returns what may be taken of a graph where `why_not` says what of it may.

    Raises:
        InputError: as `plan_partition`.
    """
    view = graph.to_networkx()
    view.remove_nodes_from([node for node in graph.nodes if node.op == "const"])
    return plan_view(view, why_not, names_of, options, lambda region: len({name for node in region for name in sources_of(node)}))


def plan_view(view: "nx.DiGraph[N]", why_not: Callable[[N], str | None], names: Callable[[N], set[str]], options: PartitionOptions,
              size: Callable[[Sequence[N]], int] = len) -> PartitionPlan[N]:
    """Returns what may be taken of any acyclic graph.

    Args:
        view: its order of nodes is topological.
        why_not: says why a node stays; None where an engine takes it.
        names: those by which a node can be meant.
        options: what the user says.
        size: how many operators of the model a region is.

    Raises:
        InputError: as `plan_partition`.
    """
    excluded, forced = set(options.excl_node_names), set(options.force_incl_node_names)
    if options.strict:
        _check_names({name for node in view for name in names(node)}, options)
    refused: dict[N, str] = {}
    for node in view:
        reason = why_not(node) if not forced & names(node) else None
        if excluded & names(node):
            reason = "excluded by name"
        if reason is not None:
            refused[node] = reason
    regions, small = [], {}
    for region in grow_regions(view, lambda node: node not in refused):
        count = size(region)
        if count >= options.min_subgraph_size:
            regions.append(region)
            continue
        operators = "one operator" if count == 1 else f"{count} operators"
        small.update(dict.fromkeys(region, f"its region has {operators}, fewer than min_subgraph_size={options.min_subgraph_size}"))
    return PartitionPlan(regions, refused, small)


def names_of(node: Node) -> set[str]:
    """Returns the names by which a node can be meant: those of the MXNet nodes that it stands for, and its own."""
    return {node.name, *(loc.name for loc in node.locs)}


def sources_of(node: Node) -> tuple[str, ...]:
    """Returns the MXNet operators that a node comes from; one that comes from none stands for itself."""
    return tuple(loc.name for loc in node.locs) or (node.name,)


def check_names(graph: Graph, options: PartitionOptions) -> None:
    """Raises InputError for names that no node of a graph has, or that are both excluded and forced."""
    _check_names({name for node in graph.nodes if node.op != "const" for name in names_of(node)}, options)


def absent_names(graph: Graph, options: PartitionOptions) -> list[str]:
    """Returns the names in options that no node of a graph has."""
    known = {name for node in graph.nodes for name in names_of(node)}
    return [name for name in (*options.excl_node_names, *options.force_incl_node_names) if name not in known]


def _check_names(known: set[str], options: PartitionOptions) -> None:
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
