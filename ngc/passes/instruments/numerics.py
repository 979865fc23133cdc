"""Evaluates the graph after every pass and finds the first pass, and in it the rule firing, that moves an output."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from ngc.errors import InputError, PassError
from ngc.ir import Event, Graph, clone, evaluate
from ngc.ir.rewrite import RuleHooks
from ngc.passes.base import Pass, PassContext
from ngc.passes.manager import Instrument


@dataclass(frozen=True)
class Tolerance:
    """An output may differ by `atol` plus `rtol` times its largest absolute value."""

    rtol: float = 1e-4
    atol: float = 1e-6

    @classmethod
    def parse(cls, text: str) -> "Tolerance":
        """Returns the tolerance written as `1e-4,1e-6` or, with the default atol, `1e-4`."""
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 2 or not all(0 <= number < np.inf for number in numbers):
            raise InputError(f"a tolerance is rtol,atol such as 1e-4,1e-6, not {text!r}")
        return cls(*numbers)

    def worst(self, wanted: list[np.ndarray], got: list[np.ndarray]) -> tuple[int, float, float] | None:
        """Returns (output, largest difference, allowed) of the first output beyond the tolerance, None where all are within."""
        for number, (left, right) in enumerate(zip(wanted, got, strict=True)):
            if left.shape != right.shape:
                return number, np.inf, 0.0
            finite = np.abs(left[np.isfinite(left)])
            allowed = self.atol + self.rtol * float(finite.max(initial=0))
            with np.errstate(invalid="ignore"):
                difference = np.abs(left.astype(np.float64) - right.astype(np.float64))
            difference[(left == right) | (np.isnan(left) & np.isnan(right))] = 0
            largest = float(np.where(np.isnan(difference), np.inf, difference).max(initial=0))
            if largest > allowed:
                return number, largest, allowed
        return None


class _Reached(Exception):
    """Leaves a pass at the rule firing that is looked at."""


@dataclass
class CheckNumerics(Instrument):
    """Raises PassError at the first pass after which an output differs by more than the tolerance.

    The pass is then run again, stopped at one rule firing after another in a binary search, and the error names a firing before which the
    outputs were right and after which they are not, with its node and the MXNet nodes that it comes from.
    """

    feeds: Mapping[str, np.ndarray]
    tolerance: Tolerance = Tolerance()
    write: Callable[[str], object] = lambda text: None
    wanted: list[np.ndarray] = field(default_factory=list, init=False)
    before_pass: Graph | None = field(default=None, init=False)
    ctx: PassContext | None = field(default=None, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.ctx = ctx
        self.wanted = evaluate(graph, self.feeds)

    def before(self, index: int, item: Pass, graph: Graph) -> None:
        self.before_pass = clone(graph)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        if not changed:
            return
        found = self.tolerance.worst(self.wanted, evaluate(graph, self.feeds))
        if found is None:
            self.write(f"numerics: {item.name} ({index}) keeps all outputs within the tolerance\n")
            return
        number, largest, allowed = found
        lines = [f"pass {item.spec} ({index}) moves the output {graph.output_names[number]!r} by {largest:.3g}, {allowed:.3g} is allowed"]
        event = self.first_firing(item)
        if event is None:
            lines.append("no rule fired in it; " + self.first_value(graph))
        else:
            lines.append(f"with the rule {event.rule} at %{event.node}: {event.reason}")
            if event.locs:
                lines.append(f"from MXNet's {', '.join(map(str, event.locs))}")
        raise PassError("\n".join(lines))

    def first_firing(self, item: Pass) -> Event | None:
        """Returns a rule firing before which the outputs were right and after which they are not, None where no firing is."""
        events, _ = self.run_until(item, None)
        good, bad = 0, len(events)
        if not bad or self.is_right(self.run_until(item, bad)[1]):
            return None
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.is_right(self.run_until(item, middle)[1]):
                good = middle
            else:
                bad = middle
        return events[bad - 1]

    def is_right(self, graph: Graph) -> bool:
        """Whether a graph's outputs are within the tolerance."""
        return self.tolerance.worst(self.wanted, evaluate(graph, self.feeds)) is None

    def run_until(self, item: Pass, firing: int | None) -> tuple[list[Event], Graph]:
        """Runs the pass again, up to a rule firing numbered from 1 or to its end; returns the firings and the graph as it then is."""
        if self.before_pass is None or self.ctx is None:
            raise PassError("numbers are checked in a running pipeline only")
        graph = clone(self.before_pass)
        seen: list[Event] = []

        def fired(event: Event, graph: Graph) -> None:
            seen.append(event)
            if len(seen) == firing:
                raise _Reached

        with suppress(_Reached):
            item.run(graph, PassContext(self.ctx.target, self.ctx.numerics, RuleHooks(list(self.ctx.hooks.should_fire), [fired])))
        return seen, graph

    def first_value(self, graph: Graph) -> str:
        """Returns a sentence on the first value that differs from that of the same name before the pass."""
        before: dict[str, np.ndarray] = {}
        differing: list[str] = []
        if self.before_pass is not None:
            evaluate(self.before_pass, self.feeds, observe=lambda value, array: before.__setitem__(value.name, array))

        def compare(value_name: str, array: np.ndarray) -> None:
            if value_name in before and before[value_name].shape == array.shape and self.tolerance.worst([before[value_name]], [array]) is not None:
                differing.append(value_name)

        evaluate(graph, self.feeds, observe=lambda value, array: compare(value.name, array))
        if not differing:
            return "no value differs from that of the same name before the pass"
        node = graph.find(differing[0]).producer
        places = f", from MXNet's {', '.join(map(str, node.locs))}" if node is not None and node.locs else ""
        return f"the first value that differs from that of the same name before the pass is %{differing[0]}{places}"
