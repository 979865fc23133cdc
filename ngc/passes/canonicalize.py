"""Brings a graph into its canonical form: what says nothing disappears, what can be said in two ways is said in one.

The rules stand in seven files, each with its equations and refusals:

    canonical_arithmetic    neutral scalars, equal operands, constants of one element as scalars, constants second
    canonical_activation    idempotent and nested functions, clip and relu chains, x*sigmoid(x)
    canonical_movement      no-ops, chains of reshape, transpose, cast, concat and slice, padding into convolutions
    canonical_products      products with constant matrices as dense layers
    canonical_repeats       repeats of rows and columns as upsampling
    canonical_suppression   rows of boxes that are read, and columns that make them up
    canonical_control       operands and results of loops and conditionals that nothing reads, loops of one step

Rules hold to the bit, NaN and the sign of zero included, where they remove a node; where a rule replaces one by another that rounds
differently, it says so. Declares the stage `canonical`.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import Graph
from ngc.ir.rewrite import apply_rules
from ngc.passes import (
    canonical_activation,
    canonical_arithmetic,
    canonical_control,
    canonical_movement,
    canonical_products,
    canonical_repeats,
    canonical_suppression,
)
from ngc.passes.base import Pass, PassContext
from ngc.passes.stages import advance


@dataclass(frozen=True)
class Canonicalize(Pass):
    """Removes what says nothing and brings the rest into one form."""

    name: ClassVar[str] = "canonicalize"
    declares: ClassVar[str] = "canonical"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Applies all canonical rules until none fires."""
        families = (canonical_movement, canonical_arithmetic, canonical_activation, canonical_products, canonical_repeats,
                    canonical_suppression, canonical_control)
        rules = [rule() for family in families for rule in family.RULES]
        changed = apply_rules(graph, rules, self.name, ctx.hooks)
        return advance(graph, self.declares, self.name) or changed
