"""Evaluates the graph after every pass and finds the first pass, and in it the rule firing or the node, that moves an output."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ngc.errors import PassError
from ngc.ir import Event, Graph, Value, evaluate
from ngc.passes.base import Pass, PassContext
from ngc.passes.instruments.rounding import LEAST_SIGNAL, Rounded, RoundingCheck, narrowed_to, root_mean_square
from ngc.passes.instruments.tolerance import Difference, Tolerance
from ngc.passes.instruments.watched import PassWatcher, WatchedPass, at_path, describe_firing, describe_value, named_values


@dataclass
class CheckNumerics(PassWatcher):
    """Raises PassError at the first pass after which an output differs by more than the tolerance; writes a line for every pass until then.

    The pass is then run again, stopped at one rule firing after another in a binary search, and the error names a firing before which the outputs were right
    and after which they are not, with its node and the MXNet nodes that it comes from. Of a pass without rules it names the first value that differs. Passes
    inside regions are checked like others, each by itself.

    A pass that narrows element types moves every output. There each node is compared by itself (`ngc.passes.instruments.rounding`), the error names the first
    that loses more than rounding explains, and passes after it are held to the outputs of the narrowed graph.
    """

    feeds: Mapping[str, np.ndarray]
    tolerance: Tolerance = field(default_factory=Tolerance)
    write: Callable[[str], object] = lambda text: None
    wanted: list[np.ndarray] = field(default_factory=list, init=False)
    narrowed_inside: bool = field(default=False, init=False)

    def start(self, graph: Graph, ctx: PassContext) -> None:
        self.wanted = evaluate(graph, self.feeds)
        super().start(graph, ctx)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        title = self.title(index)
        watched = self.running.pop()
        if not changed:
            self.write(f"numerics: {title}: changed nothing\n")
            return
        dtype = self._narrowed_to(watched, graph)
        if dtype is not None:
            self._check_rounding(watched, title, dtype)
            return
        got = evaluate(self.whole, self.feeds)
        found = self.tolerance.worst(self.wanted, got)
        if found is None:
            differences = [Difference.of(left, right) for left, right in zip(self.wanted, got, strict=True)]
            self.write(f"numerics: {title}: {max(differences, key=lambda difference: difference.relative, default=Difference(0.0, 0.0))}\n")
            return
        number, largest, allowed = found
        text = f"pass {title} moves the output {self.whole.output_names[number]!r} by {largest:.3g}, {allowed:.3g} is allowed"
        event = watched.first_firing(lambda graph: self.tolerance.worst(self.wanted, evaluate(graph, self.feeds)) is None)
        raise PassError(f"{text}\n{describe_firing(event) if event is not None else 'no rule fired in it; ' + self._first_value(watched)}")

    def _narrowed_to(self, watched: WatchedPass, part: Graph) -> str | None:
        """Returns the type that a pass narrows to, None where it does not or where the passes inside it, which were looked at, are what does."""
        dtype = narrowed_to(at_path(watched.before, watched.path), part)
        if self.running:
            self.narrowed_inside |= dtype is not None
            return dtype
        inside, self.narrowed_inside = self.narrowed_inside, False
        return None if inside else dtype

    def _check_rounding(self, watched: WatchedPass, title: str, dtype: str) -> None:
        """Compares every node by itself, then takes the narrowed graph's outputs as those that are wanted from now on."""
        outputs, results = RoundingCheck(watched.before, self.whole, self.tolerance.rounding, dtype).run(self.feeds)
        for rounded in results:
            if rounded.error > rounded.allowed:
                text = f"pass {title} moves %{rounded.name} by {rounded.error:.1%} of its size; rounding explains {rounded.allowed:.1%}"
                raise PassError(f"{text}\nat {describe_value(rounded.value, rounded.name)}{self._decision(rounded)}")
        lost = [_lost(wanted, got) for wanted, got in zip(self.wanted, outputs, strict=True)]
        worst = max(results, key=lambda rounded: rounded.error, default=None)
        line = f"outputs moved by {max(lost, default=0):.2%} of their size" + (f", most of one node %{worst.name} by {worst.error:.2%}" if worst else "")
        if max(lost, default=0) > LEAST_SIGNAL:
            most = max(results, key=lambda rounded: rounded.saturated, default=None)
            clipped = f"; {most.saturated:.0%} of %{most.name} lie beyond what its integers hold: is the calibration of such data?" if most else ""
            raise PassError(f"pass {title}: {line}; {LEAST_SIGNAL:.0%} is allowed\nno node by itself loses more than rounding explains{clipped}")
        self.write(f"numerics: {title}: {line}\n")
        self.wanted = outputs

    def _decision(self, rounded: Rounded) -> str:
        """Returns what the pass recorded about a node last, as a line of an error."""
        told: list[Event] = [event for part in self.whole.with_regions() for event in part.events if event.node == rounded.value.name]
        return f"\nby the decision {told[-1].pass_name}/{told[-1].rule}: {told[-1].reason}" if told else ""

    def _first_value(self, watched: WatchedPass) -> str:
        """Returns a sentence on the first value that differs from that of the same name before the pass."""
        former = dict(named_values(watched.before))
        present = dict(named_values(self.whole))
        before: dict[str, np.ndarray] = {}
        evaluate(watched.before, self.feeds, observe=lambda value, array: before.__setitem__(former[value], array))
        differing: list[Value] = []

        def compare(value: Value, array: np.ndarray) -> None:
            name = present[value]
            if name in before and before[name].shape == array.shape and self.tolerance.worst([before[name]], [array]) is not None:
                differing.append(value)

        evaluate(self.whole, self.feeds, observe=compare)
        if not differing:
            return "no value differs from that of the same name before the pass"
        return f"the first value that differs from that of the same name before the pass is {describe_value(differing[0], present[differing[0]])}"


def _lost(wanted: np.ndarray, got: np.ndarray) -> float:
    """Returns the root mean square of an output's error over that of the output."""
    if wanted.shape != got.shape:
        return np.inf
    size = root_mean_square(wanted)
    return root_mean_square(got.astype(np.float64) - wanted) / size if size else root_mean_square(got)
