"""Rules that look at one node and its producers: shapes of rules that most passes share."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ngc.ir import Graph, Node, Value
from ngc.ir.loc import merge
from ngc.ir.rewrite import Match, Rewriter, Rule


class Refusal(NamedTuple):
    """What a local rule returns where its pattern is there but the rewrite is not legal."""

    reason: str


class Replacement(NamedTuple):
    """An operator with its operands and attributes; `absorbed` are the nodes whose work it takes over."""

    op: str
    inputs: Sequence[Value]
    attrs: Mapping[str, Any] = {}
    absorbed: Sequence[Node] = ()


class ValueRule(Rule):
    """A rule that finds that a node's result is a value which exists already."""

    @abstractmethod
    def equal(self, node: Node, graph: Graph) -> Value | Refusal | None:
        """Returns the value that the node's first result equals, None where there is none."""

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `found`, the equal value or the refusal."""
        found = self.equal(node, graph)
        return None if found is None else {"root": node, "found": found}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Returns the refusal's reason."""
        return match["found"].reason if isinstance(match["found"], Refusal) else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Lets every reader read the equal value."""
        rewriter.replace_uses(match["root"].output, match["found"])
        rewriter.erase_dead(match["root"])


class NodeRule(Rule):
    """A rule that turns one node into another with the same result."""

    @abstractmethod
    def replacement(self, node: Node, graph: Graph) -> Replacement | Refusal | None:
        """Returns the node that gives the same result, None where there is none."""

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Binds `found`, the replacement or the refusal."""
        found = self.replacement(node, graph)
        return None if found is None else {"root": node, "found": found}

    def check(self, match: Match, graph: Graph) -> str | None:
        """Returns the refusal's reason."""
        return match["found"].reason if isinstance(match["found"], Refusal) else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the replacement in the node's place and drops what nothing reads any more."""
        node, found = match["root"], match["found"]
        locs = merge(*(part.locs for part in found.absorbed), node.locs)
        former = [value.producer for value in node.inputs if value.producer is not None]
        rewriter.update(node, found.op, found.inputs, found.attrs, locs=locs)
        for producer in former:
            rewriter.erase_dead(producer)


def only_user(value: Value, graph: Graph) -> Node | None:
    """Returns the one node that reads a value, None where there are several, none, or the graph returns it."""
    uses = value._uses
    if len(uses) != 1 or graph.is_output(value):
        return None
    return next(iter(uses.values())).node


def why_not_single(value: Value, graph: Graph) -> str | None:
    """Returns why a value cannot disappear into its reader, None where it can."""
    if graph.is_output(value):
        return f"%{value.name} is a graph output"
    if len(value._uses) > 1:
        return f"%{value.name} has another user"
    return None
