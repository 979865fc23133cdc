"""`--bisect-auto`: searches for the pass, and in it the rule firing, that makes a result another one.

The result is judged by a command's exit status or by the outputs' numbers. What it is without any pass counts as good, anything else as bad; both searches
halve the distance between a limit that is good and one that is bad. Where results are good, bad and good again, several such places exist and one is found:
limits on both sides are tried afterwards, so that this is said.
"""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ngc.errors import InputError
from ngc.ir import Event, Graph, clone, evaluate, print_graph
from ngc.ir.rewrite import RuleHooks
from ngc.opt.commands import files_of, filled_in, run_command
from ngc.opt.inputs import read_feeds
from ngc.opt.values import names
from ngc.passes import Pass, PassContext, PassManager
from ngc.passes.instruments import Bisect
from ngc.passes.instruments.bisect import BisectLimit
from ngc.passes.instruments.tolerance import Tolerance, tolerance_of

Judge = Callable[[Graph], str]
"""Returns what is seen of a graph, in words."""

_PROBES = 4
"""How many limits are tried on each side of what was found."""


@dataclass
class _Watching(Bisect):
    """Remembers the passes that have numbers, and the rule firings of the last one that runs."""

    numbered: list[Pass] = field(default_factory=list, init=False)
    fired: list[Event] = field(default_factory=list, init=False)

    def should_run(self, index: int, item: Pass, graph: Graph) -> bool:
        self.numbered.append(item)
        return super().should_run(index, item, graph)

    def hear(self, event: Event, graph: Graph) -> None:
        """Keeps a firing of the last pass."""
        if self.counting:
            self.fired.append(event)


@dataclass
class Bisection:
    """Runs a pipeline on a graph up to one limit and another, and remembers what came of each; equal graphs are judged once."""

    graph: Graph
    passes: Sequence[Pass]
    context: PassContext
    judge: Judge
    disable: Sequence[str] = ()
    runs: dict[BisectLimit, tuple[str, _Watching]] = field(default_factory=dict, init=False)
    judged: dict[str, str] = field(default_factory=dict, init=False)

    def outcome(self, limit: BisectLimit) -> str:
        """Returns what is seen after the passes up to a limit; an error in them is seen as such."""
        return self._run(limit)[0]

    def good(self, limit: BisectLimit) -> bool:
        """Whether a limit's outcome is that of no pass at all."""
        return self.outcome(limit) == self.outcome(BisectLimit(0))

    def numbered(self) -> list[Pass]:
        """Returns the passes that have numbers."""
        return self._run(BisectLimit(-1))[1].numbered

    def firings(self, number: int) -> list[Event]:
        """Returns the rule firings of a pass by its number."""
        return self._run(BisectLimit(number))[1].fired

    def _run(self, limit: BisectLimit) -> tuple[str, _Watching]:
        if limit not in self.runs:
            watching = _Watching(limit, lambda text: None)
            self.runs[limit] = self._outcome(watching), watching
        return self.runs[limit]

    def _outcome(self, watching: _Watching) -> str:
        graph = clone(self.graph)
        context = replace(self.context, hooks=RuleHooks(fired=[watching.hear]))
        try:
            PassManager(self.passes, instruments=[watching], verify_each=False, disable=self.disable).run(graph, context)
        except Exception as error:
            return f"a pass fails with {type(error).__name__}"
        text = print_graph(graph)  # with the hashes of all data
        if text not in self.judged:
            self.judged[text] = self.judge(graph)
        return self.judged[text]


def bisect_auto(graph: Graph, passes: Sequence[Pass], context: PassContext, options: Namespace, write: Callable[[str], object]) -> None:
    """Searches, and writes what was found.

    Raises:
        InputError: all passes lead to the same as none.
    """
    judge = partial(_by_command, options.bisect_auto) if options.bisect_auto else _by_numbers(graph, options.feeds, tolerance_of(options.check_numerics))
    bisection = Bisection(graph, passes, context, judge, names(options.disable))
    numbered = bisection.numbered()
    limits = [BisectLimit(number) for number in range(len(numbered) + 1)]
    none, everything = bisection.outcome(limits[0]), bisection.outcome(limits[-1])
    if none == everything:
        raise InputError(f"there is nothing to search for: with all {len(numbered)} passes {everything}, as with none")
    write(f"bisect: with no pass {none}; with all {len(numbered)} passes {everything}\n")
    place = _search(bisection, limits)
    item, doubts = numbered[place - 1], _doubts(bisection, limits, place)
    before = f"({place - 1}) {numbered[place - 2].name}" if place > 1 else "none"
    write(f"bisect: last good pass: {before}\nbisect: first bad pass: ({place}) {item.name}, with which {bisection.outcome(limits[place])}\n")
    good, bad = f"{place - 1}", f"{place}"
    fired = bisection.firings(place)
    firings = [BisectLimit(place, number) for number in range(len(fired) + 1)]
    if not fired or not bisection.good(firings[0]):
        write(f"bisect: {'no rule fires in it' if not fired else 'it is bad before any of its rules fires'}, so the pass itself is to blame\n")
    else:
        number = _search(bisection, firings)
        doubts += _doubts(bisection, firings, number)
        good, bad = f"{place}.{number - 1}", f"{place}.{number}"
        write(f"bisect: last good rule firing: {_shown(fired, number - 1, place)}\nbisect: first bad rule firing: {_shown(fired, number, place)}\n")
        if fired[number - 1].locs:
            write(f"bisect: from MXNet's {', '.join(map(str, fired[number - 1].locs))}\n")
    write(f"bisect: good with --bisect-limit {good}, bad with --bisect-limit {bad}\n")
    if doubts:
        write(f"bisect: the results are not monotonic, so there may be other such places: {'; '.join(doubts)}\n")


def _search(bisection: Bisection, limits: Sequence[BisectLimit]) -> int:
    """Returns the place of a bad limit whose predecessor is good; the first limit is good, the last bad."""
    good, bad = 0, len(limits) - 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if bisection.good(limits[middle]):
            good = middle
        else:
            bad = middle
    return bad


def _doubts(bisection: Bisection, limits: Sequence[BisectLimit], place: int) -> list[str]:
    """Returns limits before `place` that are bad and limits after it that are good, of some that are spread over both sides."""
    found = []
    for side, wanted in ((limits[:place], True), (limits[place:], False)):
        for limit in side[::max(len(side) // _PROBES, 1)]:
            if bisection.good(limit) != wanted:
                shown = f"{limit.passes}" if limit.firings is None else f"{limit.passes}.{limit.firings}"
                found.append(f"--bisect-limit {shown} is {'bad' if wanted else 'good'} again")
    return found


def _shown(fired: Sequence[Event], number: int, place: int) -> str:
    """Returns a firing's number, rule, node and equation."""
    if not number:
        return "none"
    event = fired[number - 1]
    return f"({place}.{number}) {event.rule} at %{event.node}: {event.reason}"


def _by_command(command: str, graph: Graph) -> str:
    with files_of(graph) as (ir, weights):
        status, _ = run_command(filled_in(command, ir, weights, ""))
    return f"the command exits with {status}"


def _by_numbers(graph: Graph, feeds: str, tolerance: Tolerance) -> Judge:
    arrays = read_feeds(feeds, graph)
    wanted = evaluate(graph, arrays)

    def judge(result: Graph) -> str:
        found = tolerance.worst(wanted, evaluate(result, arrays))
        return "all outputs stay within the tolerance" if found is None else "an output moves beyond the tolerance"

    return judge
