"""Evaluates the graph before the first pass and after every one, and finds the first value that is NaN or infinite though its operands are finite."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ngc.errors import PassError
from ngc.ir import Graph, Value, evaluate
from ngc.ir.printer import print_node
from ngc.passes.base import Pass, PassContext
from ngc.passes.instruments.watched import PassWatcher, describe_firing, describe_value, named_values


@dataclass
class CheckFinite(PassWatcher):
    """Raises PassError where a value becomes NaN or infinite, in the input graph or after a pass, then with the rule firing that brought it.

    Constants and inputs that are not finite by themselves are named too. Passes inside regions are checked like others.
    """

    feeds: Mapping[str, np.ndarray]
    write: Callable[[str], object] = lambda text: None

    def start(self, graph: Graph, ctx: PassContext) -> None:
        found = first_not_finite(graph, self.feeds)
        if found is not None:
            raise PassError(f"in the input graph {found}")
        self.write("finite: the input graph: all values are\n")
        super().start(graph, ctx)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        title = self.title(index)
        watched = self.running.pop()
        found = first_not_finite(self.whole, self.feeds) if changed else None
        if found is None:
            self.write(f"finite: {title}: {'all values are' if changed else 'changed nothing'}\n")
            return
        event = watched.first_firing(lambda graph: first_not_finite(graph, self.feeds) is None)
        raise PassError(f"after pass {title} {found}" + (f"\n{describe_firing(event)}" if event is not None else ""))


def first_not_finite(graph: Graph, feeds: Mapping[str, np.ndarray]) -> str | None:
    """Returns a sentence on the first value that is not finite though what it is made from is, None where all are finite."""
    names = dict(named_values(graph))
    finite: dict[Value, bool] = {}
    found: list[str] = []

    def look(value: Value, array: np.ndarray) -> None:
        bad = array.size - int(np.isfinite(array).sum())
        finite[value] = not bad
        operands = value.producer.inputs if value.producer is not None else ()
        if bad and not found and all(finite[operand] for operand in operands):
            kind = "NaN" if np.isnan(array).any() else "infinite"
            how = f"becomes {kind}, and its operands are finite" if operands else f"is {kind}"
            line = f"\n  {print_node(value.producer, locations=False)}" if value.producer is not None and not value.producer.regions else ""
            found.append(f"{describe_value(value, names[value])} {how}: {bad} of {array.size} numbers{line}")

    evaluate(graph, feeds, observe=look)
    return found[0] if found else None
