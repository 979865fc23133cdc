"""Divides a symbol between an engine and the CPU, MXNet node by MXNet node, as MXNet's own integrations did.

    f(g(x)), h   =   _op0(x) { y = g(x); return f(y) }, h        g, f supported; h stays

An operator goes whole or not at all: the engine must take all nodes of the IR that it becomes. Operators that become none, since passes fold them away
(Dropout, BlockGrad, what only reshapes twice), go wherever their neighbours go, but make no region by themselves. Regions are convex on the level of
operators, so that the symbol that holds each as one node has no cycle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx

from ngc.compat.subgraph_nodes import RegionForm, with_regions
from ngc.engines import EngineOptions
from ngc.engines.support import why_not_on
from ngc.errors import InputError
from ngc.importer.build import build_graph
from ngc.importer.quantized_symbol import float_model
from ngc.importer.sources import ModelSource
from ngc.importer.subgraphs import engine_nodes
from ngc.importer.symbol import SymbolGraph
from ngc.ir import Graph
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.passes.partition import PartitionOptions, PartitionPlan, plan_view

Key = tuple[str, int]
"""Name and index of an MXNet node, as the locations of IR nodes have them."""


@dataclass(frozen=True)
class Division:
    """A model whose regions are nodes with subgraphs.

    Attributes:
        source: as said.
        regions: the names of these nodes, in order.
        staying: the operators outside of them that something has to compute, each with the reason why it stays.
    """

    source: ModelSource
    regions: tuple[str, ...]
    staying: Mapping[str, str]


def divide(source: ModelSource, shapes: Mapping[str, Sequence[Any]], dtypes: Mapping[str, Any], engine: str, options: EngineOptions,
           form: RegionForm) -> Division:
    """Returns a model divided by what an engine takes of it.

    Args:
        source: the model; where MXNet quantized or fused it, the float model behind it is divided.
        shapes: of its inputs.
        dtypes: of its inputs, where they are not what the model states.
        engine: a key of `ngc.engines.ENGINES`.
        options: which operators stay or go by name, and how small a region may be.
        form: how the nodes of regions are written.

    Raises:
        InputError: a name in the options is none of the model's, or the model is divided already.
        UnsupportedOperator, ImportFailure: the model cannot be imported.
    """
    divided = next(engine_nodes(source.symbol), None)
    if divided is not None:
        raise InputError(f"the symbol has the node {divided.name!r} ({divided.op}): it was divided for an engine before; pass the original symbol")
    source = float_model(source).source
    graph = build_graph(source, shapes, dtypes)
    reasons = _reasons(graph, engine)
    forced = set(options.force_incl_node_names)
    while True:
        plan = _plan(source.symbol, reasons, options)
        symbol = with_regions(source.symbol, plan.regions, form)
        alone = _reasons_alone(replace(source, symbol=symbol), shapes, dtypes, engine)
        fresh = {key: reason for key, reason in alone.items() if reasons.get(key) is None and key[0] not in forced}
        if not fresh:
            break
        reasons.update(fresh)  # what passes folded into operators that are outside of the region now
    left = {position: reason for position, reason in plan.left.items() if _key(source.symbol, position) in reasons}
    staying = {source.symbol.nodes[position].name: left[position] for position in sorted(left)}
    return Division(replace(source, symbol=symbol), tuple(form.names(source.symbol, len(plan.regions))), staying)


def _reasons(graph: Graph, engine: str) -> dict[Key, str | None]:
    """Returns, for every MXNet operator that something has to compute, why an engine does not take it, None where it does."""
    PassManager(PIPELINES["canonical"], verify_each=False).run(graph, PassContext())
    predicate = why_not_on(engine)
    reasons: dict[Key, str | None] = {}
    for node in graph.nodes:
        if node.op != "const":
            reason = predicate(node)
            for loc in node.locs:
                reasons[loc.name, loc.index] = reasons.get((loc.name, loc.index)) or reason
    return reasons


def _reasons_alone(source: ModelSource, shapes: Mapping[str, Sequence[Any]], dtypes: Mapping[str, Any], engine: str) -> dict[Key, str]:
    """Returns why an engine does not take operators that it is given in the regions of a divided model."""
    kind = next((node.op for node in engine_nodes(source.symbol)), None)
    if kind is None:
        return {}
    graph = build_graph(source, shapes, dtypes, keep="neuron" if engine == "neuron" else "tensorrt")
    found: dict[Key, str] = {}
    for node in graph.nodes:
        for region in node.regions:
            found.update({key: reason for key, reason in _reasons(region, engine).items() if reason is not None})
    return found


def _plan(symbol: SymbolGraph, reasons: Mapping[Key, str | None], options: EngineOptions) -> PartitionPlan[int]:
    """Returns which operators, by position, make regions."""
    operators = [position for position in symbol.reachable() if not symbol.nodes[position].is_variable]
    view: nx.DiGraph[int] = nx.DiGraph()
    view.add_nodes_from(operators)
    view.add_edges_from((entry.node, position) for position in operators for entry in symbol.nodes[position].inputs if entry.node in view)
    return plan_view(view, lambda position: reasons.get(_key(symbol, position)), lambda position: {symbol.nodes[position].name},
                     PartitionOptions(options.min_subgraph_size, options.excl_node_names, options.force_incl_node_names),
                     size=lambda region: sum(_key(symbol, position) in reasons for position in region))


def _key(symbol: SymbolGraph, position: int) -> Key:
    node = symbol.nodes[position]
    return node.name, node.index
