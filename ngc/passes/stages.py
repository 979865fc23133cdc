"""Moves a graph to a later stage where every operator in it is legal there."""

from ngc.ir import STAGES, Graph
from ngc.ir.rewrite import Rewriter


def advance(graph: Graph, stage: str, pass_name: str) -> bool:
    """Declares a stage unless the graph is past it or holds operators that the stage does not have; says whether it changed."""
    if STAGES.index(graph.stage) >= STAGES.index(stage):
        return False
    illegal = next((node for node in graph.nodes if stage not in node.definition.stages), None)
    if illegal is not None:
        reason = f"{illegal.op} is not legal in stage {stage}"
        graph.events.record(pass_name, "stage", "refused", illegal.name, reason, illegal.locs)
        return False
    Rewriter(graph).set_stage(stage)
    return True
