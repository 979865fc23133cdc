"""Gathers what is still element-wise into `eltwise` nodes, one loop for each chain.

    f(x)                                    =  eltwise(x){f}                    activation, scaling, batch_norm, prelu, + y, * y
    eltwise(eltwise(x){a}){b}               =  eltwise(x){a, b}
    x*f(x)                                  =  eltwise(x){f, multiply(x)}
    eltwise(y){add(eltwise(x){a}), b}       =  eltwise(x){a, add(y), b}         addition and multiplication commute
    eltwise(cast{f32}(x)){a}                =  eltwise(x){a}, of u8 x           an image of bytes, normalized where it is read

Declares the stage `fused`. Refuses data that is not f32, functions that are no steps, operands broadcast in a way that steps do not
have, and chains whose inner value has another reader, is a graph output, or has another element type than the data before it.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import Graph, Node, opdefs
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes.base import Pass, PassContext
from ngc.passes.local_rules import NodeRule, Refusal, Replacement, why_not_single
from ngc.passes.stages import advance
from ngc.passes.step_forms import StepForm, step_form


@dataclass(frozen=True)
class FuseElementwise(Pass):
    """Turns the remaining element-wise nodes into `eltwise` nodes and joins their chains."""

    name: ClassVar[str] = "fuse-elementwise"
    declares: ClassVar[str] = "fused"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Sets the stage first, since `eltwise` is legal from `fused` on; does nothing to a graph that cannot reach it."""
        advanced = advance(graph, self.declares, self.name)
        if not advanced and graph.stage in ("imported", "canonical"):
            return False
        return apply_rules(graph, [ElementwiseToSteps(), EltwiseChain(), EltwiseOperand(), CastThenEltwise()], self.name, ctx.hooks) or advanced


class ElementwiseToSteps(Rule):
    """One element-wise node becomes an `eltwise` node."""

    equation = "f(x) = eltwise(x){f}"
    roots = frozenset(name for name, definition in opdefs().items() if "elementwise" in definition.traits) | {"batch_norm"}

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `x`, the first operand that steps can begin with, and their `form`; else the reason against the first operand."""
        reason = None
        for position, x in enumerate(node.inputs):
            form = None if x.is_const else step_form(node, position, 1)
            if isinstance(form, StepForm):
                return {"root": node, "x": x, "form": form}
            reason = reason or form
        return {"root": node, "reason": reason} if reason else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Refuses what steps cannot express, and other element types than f32."""
        if "reason" in match:
            return str(match["reason"])
        dtype = match["root"].type.dtype
        return None if dtype == "f32" else f"the data is {dtype}, and element-wise groups run on f32"

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the `eltwise` node in the node's place."""
        node, form = match["root"], match["form"]
        dead = [value.producer for value in node.inputs if value.is_const]
        rewriter.update(node, "eltwise", (match["x"], *form.materialize(rewriter, node)), {"epilogue": form.steps})
        for producer in dead:
            rewriter.erase_dead(producer)


class EltwiseChain(NodeRule):
    """An `eltwise` node takes the one before it."""

    equation = "eltwise(eltwise(x){a}){b} = eltwise(x){a, b}"
    roots = frozenset({"eltwise"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the joined node."""
        inner = node.inputs[0].producer
        if inner is None or inner.op != "eltwise":
            return None
        reason = _why_not_joined(inner, node, graph)
        if reason is not None:
            return Refusal(reason)
        joined = {"epilogue": (*inner.attrs["epilogue"], *node.attrs["epilogue"]), "result": node.attrs["result"] or inner.attrs["result"]}
        return Replacement("eltwise", (*inner.inputs, *node.inputs[1:]), joined, (inner,))


class EltwiseOperand(NodeRule):
    """An `eltwise` node that begins with adding or multiplying another's result begins with the other's steps instead."""

    equation = "eltwise(y){add(eltwise(x){a}), b} = eltwise(x){a, add(y), b}"
    roots = frozenset({"eltwise"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the node with the operands of its first step exchanged and the other's steps in front."""
        steps = node.attrs["epilogue"]
        if not steps or steps[0].kind not in ("add", "multiply"):
            return None
        y, other = node.inputs[:2]
        inner = other.producer
        if inner is None or inner.op != "eltwise" or other.type.shape != y.type.shape:
            return None
        reason = _why_not_joined(inner, node, graph)
        if reason is not None:
            return Refusal(reason)
        joined = {"epilogue": (*inner.attrs["epilogue"], *steps), "result": node.attrs["result"] or inner.attrs["result"]}
        return Replacement("eltwise", (*inner.inputs, y, *node.inputs[2:]), joined, (inner,))


class CastThenEltwise(NodeRule):
    """An `eltwise` node reads the bytes that were converted for it."""

    equation = "eltwise(cast{f32}(x)){a} = eltwise(x){a}"
    roots = frozenset({"eltwise"})

    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the node that reads the integers."""
        value, cast = node.inputs[0], node.inputs[0].producer
        if cast is None or cast.op != "cast" or (cast.inputs[0].type.dtype, value.type.dtype) != ("u8", "f32"):
            return None
        reason = why_not_single(value, graph)
        if reason is not None:
            return Refusal(reason)
        return Replacement("eltwise", (cast.inputs[0], *node.inputs[1:]), {**node.attrs, "result": node.attrs["result"] or "f32"}, (cast,))


def _why_not_joined(inner: Node, node: Node, graph: Graph) -> str | None:
    if len(inner.outputs) > 1:
        return f"%{inner.name} has further results"
    if inner.attrs["result"] not in (None, "f32"):
        return f"%{inner.name} rounds to {inner.attrs['result']}"
    if inner.inputs[0].type.dtype == "u8" and node.attrs["result"] == "bf16":
        return f"%{inner.name} reads u8, which gives f32 or u8"
    return why_not_single(inner.output, graph)
