"""A pass that can be run again: the whole graph before it, where in it the pass works, and the rule firings that it consists of."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ngc.errors import PassError
from ngc.ir import Event, Graph, Value, clone
from ngc.ir.rewrite import RuleHooks
from ngc.passes.base import Pass, PassContext, run_pass
from ngc.passes.manager import Instrument

Path = tuple[tuple[int, int], ...]
"""From a graph to one inside it: (position of the node, position of its region), the outermost first."""


class _Reached(Exception):
    """Leaves a pass at the rule firing that is looked at."""


def path_to(part: Graph, whole: Graph) -> Path:
    """Returns the way from a graph to itself or to a region in it.

    Raises:
        PassError: the region is not in the graph.
    """
    found = _search(part, whole)
    if found is None:
        raise PassError(f"graph {part.name} is no region of {whole.name}")
    return found


def _search(part: Graph, whole: Graph) -> Path | None:
    if part is whole:
        return ()
    for position, node in enumerate(whole.nodes):
        for number, region in enumerate(node.regions):
            rest = _search(part, region)
            if rest is not None:
                return ((position, number), *rest)
    return None


def at_path(whole: Graph, path: Path) -> Graph:
    """Returns the graph that a path leads to."""
    for position, number in path:
        whole = whole.nodes[position].regions[number]
    return whole


@dataclass(frozen=True)
class WatchedPass:
    """A pass and all that it takes to run it again.

    Attributes:
        before: a copy of the whole graph before the pass.
        path: the part of it that the pass works on, () for all.
    """

    item: Pass
    before: Graph
    path: Path
    ctx: PassContext

    @classmethod
    def begin(cls, item: Pass, whole: Graph, part: Graph, ctx: PassContext) -> "WatchedPass":
        """Returns the pass as it is about to run on a part of a graph."""
        return cls(item, clone(whole), path_to(part, whole), ctx)

    def run_until(self, firing: int | None) -> tuple[list[Event], Graph]:
        """Runs the pass on a copy, up to a rule firing numbered from 1 or to its end; returns the firings and the whole graph as it then is."""
        whole = clone(self.before)
        seen: list[Event] = []

        def fired(event: Event, graph: Graph) -> None:
            seen.append(event)
            if len(seen) == firing:
                raise _Reached

        with suppress(_Reached):
            hooks = RuleHooks(should_fire=list(self.ctx.hooks.should_fire), fired=[fired])
            run_pass(self.item, at_path(whole, self.path), replace(self.ctx, hooks=hooks, region_instruments=[]))
        return seen, whole

    def first_firing(self, is_right: Callable[[Graph], bool]) -> Event | None:
        """Returns a rule firing before which the graph was right and after which it is not, None where no firing is; the search halves."""
        events, _ = self.run_until(None)
        good, bad = 0, len(events)
        if not bad or is_right(self.run_until(bad)[1]):
            return None
        while bad - good > 1:
            middle = (good + bad) // 2
            if is_right(self.run_until(middle)[1]):
                good = middle
            else:
                bad = middle
        return events[bad - 1]


@dataclass
class PassWatcher(Instrument):
    """Keeps the passes that are running, within one another those inside regions, so that they can be run again."""

    _whole: Graph | None = field(default=None, init=False)
    ctx: PassContext = field(default_factory=PassContext, init=False)
    running: list[WatchedPass] = field(default_factory=list, init=False)

    @property
    def whole(self) -> Graph:
        """The graph that the pipeline works on, regions and all."""
        assert self._whole is not None
        return self._whole

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self._whole, self.ctx, self.running = graph, ctx, []
        ctx.region_instruments.append(self)

    def finish(self, graph: Graph) -> None:
        self.ctx.region_instruments.remove(self)

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        self.running.append(WatchedPass.begin(item, self.whole, graph, self.ctx))

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        self.running.clear()

    def title(self, index: int) -> str:
        """Returns `optimize-regions / fold-batch-norm (4)`: the passes that run within one another, and the number of the innermost."""
        return f"{' / '.join(watched.item.name for watched in self.running)} ({index})"


def named_values(graph: Graph, prefix: str = "") -> Iterator[tuple[Value, str]]:
    """Yields all values with their names, those inside regions as `call/value`."""
    for value in graph.values():
        yield value, prefix + value.name
    for node in graph.nodes:
        for region in node.regions:
            yield from named_values(region, f"{prefix}{node.name}/")


def describe_firing(event: Event) -> str:
    """Returns the rule, where it fired and what of MXNet's stands there, for an error's text."""
    places = f"\nfrom MXNet's {', '.join(map(str, event.locs))}" if event.locs else ""
    return f"with the rule {event.rule} at %{event.node}: {event.reason}{places}"


def describe_value(value: Value, name: str) -> str:
    """Returns a value's name and what of MXNet's it comes from, for an error's text."""
    node = value.producer
    places = f", from MXNet's {', '.join(map(str, node.locs))}" if node is not None and node.locs else ""
    return f"%{name}{places}"
