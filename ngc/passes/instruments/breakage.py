"""Names the rule firing after which a graph no longer verifies."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ngc.errors import VerifyError
from ngc.ir import Graph, verify
from ngc.passes.base import Pass, PassContext
from ngc.passes.instruments.watched import WatchedPass, describe_firing
from ngc.passes.manager import Instrument


@dataclass
class FindBreakage(Instrument):
    """Runs a pass that left a broken graph again, stopped at rule firings in a binary search, and writes which one broke it."""

    write: Callable[[str], object]
    whole: Graph | None = field(default=None, init=False)
    ctx: PassContext = field(default_factory=PassContext, init=False)
    running: list[WatchedPass] = field(default_factory=list, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.whole, self.ctx, self.running = graph, ctx, []
        ctx.region_instruments.append(self)

    def finish(self, graph: Graph) -> None:
        self.ctx.region_instruments.remove(self)

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        assert self.whole is not None
        self.running.append(WatchedPass.begin(item, self.whole, graph, self.ctx))

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        self.running.pop()

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        if not self.running:
            return  # told by the pass inside
        watched = self.running.pop()
        self.running.clear()
        if not isinstance(error, VerifyError) or not error.findings:
            return
        event = watched.first_firing(_is_sound)
        told = describe_firing(event).removeprefix("with ") if event is not None else "no rule firing; the pass does it without one"
        self.write(f"verify-each: {item.name} ({index}) broke the graph: {told}\n")


def _is_sound(graph: Graph) -> bool:
    try:
        verify(graph)
    except VerifyError:
        return False
    return True
