"""Names the rule firing after which a graph no longer verifies."""

from collections.abc import Callable
from dataclasses import dataclass

from ngc.errors import VerifyError
from ngc.ir import Graph, verify
from ngc.passes.base import Pass
from ngc.passes.instruments.watched import PassWatcher, describe_firing


@dataclass
class FindBreakage(PassWatcher):
    """Runs a pass that left a broken graph again, stopped at rule firings in a binary search, and writes which one broke it."""

    write: Callable[[str], object]

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        self.running.pop()

    def failed(self, index: int, item: Pass, graph: Graph, error: Exception) -> None:
        if not self.running:
            return  # told by the pass inside
        watched = self.running.pop()
        super().failed(index, item, graph, error)
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
