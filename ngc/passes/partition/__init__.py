"""Outlines what an engine supports into nodes `engine.call`, each with the region of the graph that it stands for.

    f(g(x)), h  =  engine.call(x) { y = g(x); return f(y) }, h          g, f supported; h stays

Regions are convex, so that a call needs nothing that depends on its own results, and as large as that lets them be (`regions.py`). Constants that a region
reads become the region's own; what is only read inside is gone outside. Values keep their names and calibrated ranges on both sides.

Refuses nodes that the engine has no form for (each with its reason), nodes that the user excludes, and regions of fewer operators than
`min-subgraph-size`: what crossing over to the engine costs, so few do not bring in. Names that no node has are errors, since an exclusion that is
overlooked is believed to work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ngc.engines import ENGINES
from ngc.errors import PassError
from ngc.ir import Graph, Node
from ngc.ir.extract import extract
from ngc.ir.loc import merge
from ngc.ir.rewrite import Rewriter
from ngc.passes.base import Pass, PassContext
from ngc.passes.partition.plan import (
    PartitionOptions,
    PartitionPlan,
    absent_names,
    check_names,
    plan_by,
    plan_partition,
    plan_view,
    sources_of,
)

__all__ = ["Partition", "PartitionOptions", "PartitionPlan", "check_names", "outline", "plan_by", "plan_partition", "plan_view", "sources_of"]

_PREFIXES = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT", "neuron": "Neuron"}
"""What regions are called, with a number behind, as MXNet's integrations called theirs."""


@dataclass(frozen=True)
class Partition(Pass):
    """Moves what an engine supports into regions that it will execute.

    Attributes:
        engine: tensorrt, tensorrt-rtx or neuron.
        min_subgraph_size: regions of fewer operators stay outside.
        excl_node_names: MXNet nodes that stay outside.
        force_incl_node_names: MXNet nodes that go to the engine whatever its support table says.
        strict: whether names that the graph does not have are errors; a model's own may have been folded away.
    """

    name: ClassVar[str] = "partition"
    enters: ClassVar[bool] = False

    engine: str = "neuron"
    min_subgraph_size: int = 2
    excl_node_names: tuple[str, ...] = ()
    force_incl_node_names: tuple[str, ...] = ()
    strict: bool = True

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Outlines every region of the engine's plan."""
        if self.engine not in ENGINES:
            raise PassError(f"pass partition: unknown engine {self.engine!r}; known: {', '.join(ENGINES)}")
        options = PartitionOptions(self.min_subgraph_size, self.excl_node_names, self.force_incl_node_names, self.strict)
        plan = plan_partition(graph, self.engine, options)
        for rule, nodes in (("support", plan.refused), ("size", plan.small)):
            for node, reason in nodes.items():
                graph.events.record(self.name, rule, "refused", node.name, reason, node.locs)
        for name in absent_names(graph, options):
            graph.events.record(self.name, "names", "skipped", name, "folded away before the graph was divided")
        return outline(graph, plan, self.engine)


def outline(graph: Graph, plan: PartitionPlan[Node], engine: str) -> bool:
    """Replaces each region of a plan by a call; returns whether there was any."""
    rewriter = Rewriter(graph)
    for number, nodes in enumerate(plan.regions):
        _outline(rewriter, nodes, engine, f"{_PREFIXES[engine]}{number}")
    rewriter.sort()
    return rewriter.changed


def _outline(rewriter: Rewriter, nodes: Sequence[Node], engine: str, name: str) -> None:
    graph, inside = rewriter.graph, set(nodes)
    made = [value for node in nodes for value in node.outputs]
    inputs = list(dict.fromkeys(value for node in nodes for value in node.inputs if value.producer not in inside and not value.is_const))
    outputs = [value for value in made if graph.is_output(value) or any(user not in inside for user in value.users)]
    if not outputs:
        return  # nothing reads these nodes; they are not worth an engine
    region = extract(graph, nodes, inputs, outputs, name)
    locs = merge(*(node.locs for node in nodes))
    call = rewriter.insert("engine.call", inputs, {"engine": engine}, before=nodes[-1], locs=locs, name=name, regions=(region,))
    for old, new in zip(outputs, call.outputs, strict=True):
        rewriter.replace_uses(old, new)
    names = [value.name for value in outputs]
    for node in reversed(nodes):
        rewriter.erase_dead(node)
    for value, old_name in zip(call.outputs, names, strict=True):
        rewriter.rename(value, old_name)
    graph.events.record("partition", "outline", "applied", call.name, f"{len(nodes)} operators become {name} on {engine}", locs)
