"""The only way to change a graph: the rewriter, the rules and the driver that applies them.

A rule names its equation, finds its pattern from a root node, lists its refusals, then replaces. Every firing and every refusal is an event.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ngc.errors import PassError, VerifyError
from ngc.ir.builder import make_const, make_node
from ngc.ir.events import Event, describe_decision
from ngc.ir.graph import Graph, Node, Value, copy_node
from ngc.ir.loc import Loc, merge
from ngc.ir.tensor_type import DTYPE_NAMES, Layout, TensorType
from ngc.ir.weight import Weight

Match = dict[str, Any]
"""What a pattern bound: nodes and values by the names that the rule's equation uses; `root` is the node that matching began at."""


class Rewriter:
    """Edits one graph, keeping use lists, topological order and names in step; remembers which nodes it touched."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.changed = False
        self.touched: dict[Node, None] = {}

    def insert(self, op: str, inputs: Sequence[Value], attrs: Mapping[str, Any] | None = None, *, before: Node, locs: tuple[Loc, ...] = (),
               name: str = "", types: Sequence[TensorType] | None = None, regions: tuple[Graph, ...] = ()) -> Node:
        """Places a new node before another and returns it."""
        node = make_node(self.graph, op, inputs, attrs or {}, locs, name or op, types, regions)
        self.graph._insert(node, before)
        self.graph._link(node)
        self._touch(node)
        return node

    def inline(self, region: Graph, operands: Sequence[Value], *, before: Node) -> list[Value]:
        """Places copies of a graph's nodes before a node, operands for its inputs; returns the values of its outputs."""
        mapped = dict(zip(region.inputs, operands, strict=True))
        for node in region.nodes:
            self.copy(node, mapped, before=before)
        return [mapped[value] for value in region.outputs]

    def copy(self, node: Node, mapped: MutableMapping[Value, Value], *, before: Node) -> Node:
        """Places a copy of a node of any graph before a node; `mapped` has its operands and gets its results."""
        twin = copy_node(self.graph, node, mapped)
        self.graph._insert(twin, before)
        self.graph._link(twin)
        self._touch(twin)
        return twin

    def constant(self, name: str, array: Any, *, before: Node, locs: tuple[Loc, ...] = (), dtype: str = "") -> Value:
        """Places a new constant before a node and returns its value; `dtype` is that of the array unless given (bf16 is held as f32)."""
        node = make_const(self.graph, Weight(name, array), TensorType(tuple(array.shape), dtype or DTYPE_NAMES[array.dtype]), name, locs)
        self.graph._insert(node, before)
        self._touch(node)
        return node.output

    def replace_uses(self, old: Value, new: Value, *, only: Callable[[Node], bool] | None = None) -> None:
        """Lets readers of `old` (all, or those that `only` accepts) and the graph's outputs read `new` instead, which holds the same numbers."""
        if old.type.logical != new.type.logical:
            raise VerifyError(f"%{old.name}: {old.type} cannot be replaced by %{new.name}: {new.type}")
        for node in old.users:
            if only is None or only(node):
                self.set_inputs(node, [new if value is old else value for value in node.inputs])
        if only is None:
            self.graph.outputs = tuple(new if value is old else value for value in self.graph.outputs)
        self.share_range(old, new)
        self.changed = True

    def share_range(self, old: Value, new: Value) -> None:
        """Gives `new` the calibrated range of `old`, for numbers that are the same or some of them; a range of its own stays."""
        if old.name in self.graph.ranges:
            self.graph.ranges.setdefault(new.name, self.graph.ranges[old.name])

    def return_instead(self, old: Value, new: Value) -> None:
        """Lets the graph return `new` where it returned `old`, under the same public names; layouts may differ."""
        self.graph.outputs = tuple(new if value is old else value for value in self.graph.outputs)
        self.changed = True

    def set_inputs(self, node: Node, inputs: Sequence[Value]) -> None:
        """Gives a node other operands; the result types must stay what they are."""
        self.graph._unlink(node)
        node.inputs = tuple(inputs)
        self.graph._link(node)
        self._touch(node)

    def update(self, node: Node, op: str, inputs: Sequence[Value], attrs: Mapping[str, Any], *, locs: tuple[Loc, ...] | None = None,
               regions: tuple[Graph, ...] = ()) -> Node:
        """Turns a node into another in place, keeping its results and their names; types are inferred anew, further results are added."""
        fresh = make_node(self.graph, op, inputs, attrs, node.locs if locs is None else locs, node.name, regions=regions)
        self.graph._insert(fresh, node)
        self.graph._link(fresh)
        for old, new in zip(node.outputs, fresh.outputs, strict=False):
            self.replace_uses(old, new)
        names = [value.name for value in node.outputs]
        self.erase(node)
        ranges = [self.graph.ranges.get(value.name) for value in fresh.outputs]
        for value in fresh.outputs:
            self.graph._release(value.name)
        for position, (value, found) in enumerate(zip(fresh.outputs, ranges, strict=True)):
            value.name = self.graph._fresh(names[min(position, len(names) - 1)])
            if found is not None:
                self.graph.ranges[value.name] = found
        self._touch(fresh)
        return fresh

    def respecify(self, node: Node, inputs: Sequence[Value], attrs: Mapping[str, Any]) -> None:
        """Gives a node other operands and attributes and its results, as many as before, the types that follow; readers must be made to fit."""
        checked = node.definition.check_attrs(attrs)
        types = node.definition.infer_types([value.type for value in inputs], checked)
        self.set_inputs(node, inputs)
        node.attrs = checked
        for value, type in zip(node.outputs, types, strict=True):
            value.type = type

    def rename(self, value: Value, name: str) -> None:
        """Gives a value another name where that name is free."""
        if value.name != name and name not in self.graph._names:
            found = self.graph.ranges.get(value.name)
            self.graph._release(value.name)
            value.name = self.graph._fresh(name)
            if found is not None:
                self.graph.ranges[value.name] = found
            self.changed = True

    def add_locs(self, node: Node, locs: tuple[Loc, ...]) -> None:
        """Says that a node stands for further nodes of the source model."""
        node.locs = merge(node.locs, locs)
        self.changed = True

    def set_layout(self, value: Value, layout: Layout) -> None:
        """Gives a value another memory layout."""
        if value.type.layout != layout:
            value.type = value.type.with_layout(layout)
            self.changed = True

    def set_stage(self, stage: str) -> None:
        """Declares the stage that the graph has reached."""
        if self.graph.stage != stage:
            self.graph.stage = stage
            self.changed = True

    def erase(self, node: Node) -> None:
        """Removes a node that nothing reads; VerifyError where something does."""
        for value in node.outputs:
            if value.uses or self.graph.is_output(value):
                raise VerifyError(f"{node!r} cannot be erased: %{value.name} is still read")
        self.graph._unlink(node)
        self.graph._remove(node)
        for value in node.outputs:
            self.graph._release(value.name)
        self.touched.pop(node, None)
        node.weight = None  # a node and its values refer to one another, so that Python would find its memory late
        for value in node.inputs:
            if value.producer is not None and value.producer in self.graph:
                self._touch(value.producer)
        self.changed = True

    def erase_dead(self, node: Node) -> None:
        """Removes a node if nothing reads it, then the producers that it kept alive."""
        pending = [node]
        while pending:
            node = pending.pop()
            if node in self.graph and not any(value.uses or self.graph.is_output(value) for value in node.outputs):
                self.erase(node)
                pending.extend(value.producer for value in reversed(node.inputs) if value.producer is not None)

    def move_before(self, node: Node, before: Node) -> None:
        """Moves a node in the order; the caller sees to it that its operands stand before."""
        self.graph._remove(node)
        self.graph._insert(node, before)
        self.changed = True

    def sort(self) -> None:
        """Restores topological order after edits that let a node read a later one."""
        self.graph._sort()

    def _touch(self, node: Node) -> None:
        self.touched[node] = None
        self.changed = True


class Rule(ABC):
    """One rewrite: `equation` says what equals what, `roots` which operators matching begins at."""

    equation: ClassVar[str]
    roots: ClassVar[frozenset[str]]

    @property
    def name(self) -> str:
        """The rule's name in events, traces and debug counters."""
        return type(self).__name__

    @abstractmethod
    def match(self, node: Node, graph: Graph) -> Match | None:
        """Returns what the pattern binds when it begins at `node`, None where the shape of the graph is another."""

    def check(self, match: Match, graph: Graph) -> str | None:
        """Returns the reason to refuse a match, None where the rewrite is legal."""
        return None

    @abstractmethod
    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Replaces what was matched."""


@dataclass(frozen=True)
class Candidate:
    """One attempt of a rule at a node that it may begin at. `status` is no match, refused, skipped, failed or applied."""

    pass_name: str
    rule: str
    status: str
    node: str
    reason: str = ""
    locs: tuple[Loc, ...] = ()

    def __str__(self) -> str:
        return describe_decision(self.pass_name, self.rule, self.status, self.node, self.reason, self.locs)


@dataclass
class RuleHooks:
    """What instruments may do around each firing: veto it, look at the graph after it, or hear of every attempt."""

    should_fire: list[Callable[[str, Rule, Node], bool]] = field(default_factory=list)
    fired: list[Callable[[Event, Graph], None]] = field(default_factory=list)
    tried: list[Callable[[Candidate], None]] = field(default_factory=list)


def apply_rules(graph: Graph, rules: Sequence[Rule], pass_name: str, hooks: RuleHooks | None = None, *, limit: int = 100_000) -> bool:
    """Applies rules until none fires, nodes in order, touched nodes again; says whether anything changed.

    Raises:
        PassError: more than `limit` firings, so the rules undo one another.
        NgcError: what a rule raises, with the rule and the node.
    """
    hooks = hooks or RuleHooks()
    rewriter = Rewriter(graph)
    by_root: dict[str, list[Rule]] = {}
    for rule in rules:
        for root in rule.roots:
            by_root.setdefault(root, []).append(rule)
    queue: dict[Node, None] = dict.fromkeys(graph.nodes)
    driver = _Driver(rewriter, pass_name, hooks, limit)
    while queue:
        node = next(iter(queue))
        del queue[node]
        for rule in by_root.get(node.op, ()):
            if node not in graph:
                break
            if not driver.attempt(rule, node):
                continue
            for touched in list(rewriter.touched):
                if touched in graph:
                    queue[touched] = None
                    queue.update(dict.fromkeys(user for value in touched.outputs for user in value.users))
                    queue.update(dict.fromkeys(value.producer for value in touched.inputs if value.producer is not None))
    return rewriter.changed


@dataclass
class _Driver:
    """Attempts rules at nodes, one by one, and tells of it."""

    rewriter: Rewriter
    pass_name: str
    hooks: RuleHooks
    limit: int
    refused: set[tuple[str, str, str]] = field(default_factory=set)
    fired: int = 0

    def attempt(self, rule: Rule, node: Node) -> bool:
        """Applies a rule at a node where it matches, is legal and is not vetoed; says whether it did."""
        name, locs = node.name, node.locs  # the node may be gone afterwards
        try:
            status, reason = self._attempt(rule, node)
        except Exception as error:
            self._tell(Candidate(self.pass_name, rule.name, "failed", name, str(error), locs))
            error.add_note(f"in rule {rule.name} at %{name}{_places(locs)}")
            raise
        if self.hooks.tried:
            self._tell(Candidate(self.pass_name, rule.name, status, name, reason, locs))
        return status == "applied"

    def _attempt(self, rule: Rule, node: Node) -> tuple[str, str]:
        graph = self.rewriter.graph
        match = rule.match(node, graph)
        if match is None:
            return "no match", ""
        reason = rule.check(match, graph)
        if reason is not None:
            key = (rule.name, node.name, reason)
            if key not in self.refused:
                self.refused.add(key)
                graph.events.record(self.pass_name, rule.name, "refused", node.name, reason, node.locs)
            return "refused", reason
        if not all(allowed(self.pass_name, rule, node) for allowed in self.hooks.should_fire):
            graph.events.record(self.pass_name, rule.name, "skipped", node.name, "switched off", node.locs)
            return "skipped", "switched off"
        self.fired += 1
        if self.fired > self.limit:
            raise PassError(f"{self.pass_name}: more than {self.limit} rule firings, the last one {rule.name} at {node!r}; the rules undo one another")
        name, locs = node.name, node.locs
        self.rewriter.touched.clear()
        rule.rewrite(match, self.rewriter)
        event = graph.events.record(self.pass_name, rule.name, "applied", name, rule.equation, locs)
        for listener in self.hooks.fired:
            listener(event, graph)
        return "applied", rule.equation

    def _tell(self, candidate: Candidate) -> None:
        for listener in self.hooks.tried:
            listener(candidate)


def _places(locs: tuple[Loc, ...]) -> str:
    return f", from MXNet's {', '.join(map(str, locs))}" if locs else ""
