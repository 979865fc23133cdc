"""Printing, timing, tracing, dumping, bisecting and checking numbers, around small passes made for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from ngc.errors import InputError, PassError
from ngc.ir import Graph, Node, parse
from ngc.ir.random_data import random_feeds
from ngc.ir.rewrite import Match, Rewriter, Rule, apply_rules
from ngc.passes import Pass, PassContext, PassManager
from ngc.passes.instruments import Bisect, CheckNumerics, DumpIR, PrintChanges, PrintIR, Timing, TraceRule
from ngc.passes.instruments.bisect import BisectLimit
from ngc.passes.instruments.tolerance import Tolerance

TEXT = """graph @net(%data: f32[N,4]) {
  %a = abs(%data) : f32[N,4] loc("a" in "net-symbol.json" at 1)
  %b = mul(%a) {scalar=2.0} : f32[N,4] loc("b" in "net-symbol.json" at 2)
  %c = mul(%b) {scalar=3.0} : f32[N,4] loc("c")
  %d = mul(%c) {scalar=4.0} : f32[N,4] loc("d")
  %e = relu(%d) : f32[N,4] loc("e")
  return %e as "out"
}"""


class AddInsteadOfMultiply(Rule):
    """x*s = x*s + 0, and for `wrong` scalars something else."""

    equation = "x * s = s * x"
    roots: ClassVar[frozenset[str]] = frozenset({"mul"})

    def __init__(self, wrong: float) -> None:
        self.wrong = wrong

    def match(self, node: Node, graph: Graph) -> Match | None:
        return None if node.attrs["reverse"] else {"root": node}

    def check(self, match: Match, graph: Graph) -> str | None:
        return "a scalar of 4 stays" if match["root"].attrs["scalar"] == 4 else None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        node = match["root"]
        scalar = node.attrs["scalar"] * (1.01 if node.attrs["scalar"] == self.wrong else 1)
        rewriter.update(node, "mul", node.inputs, {"scalar": scalar, "reverse": True})


@dataclass(frozen=True)
class Reverse(Pass):
    """Puts scalars first."""

    name: ClassVar[str] = "reverse"
    wrong: float = 0.0

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return apply_rules(graph, [AddInsteadOfMultiply(self.wrong)], self.name, ctx.hooks)


@dataclass(frozen=True)
class DropAbs(Pass):
    """Turns one operator into another without a rule."""

    name: ClassVar[str] = "drop-abs"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        node = graph.find("a").producer
        if node is None or node.op != "abs":
            return False
        Rewriter(graph).update(node, "identity", node.inputs, {})
        return True


@dataclass(frozen=True)
class Nothing(Pass):
    """Changes nothing."""

    name: ClassVar[str] = "nothing"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        return False


@dataclass(frozen=True)
class Failing(Pass):
    """Raises, after it changed something."""

    name: ClassVar[str] = "failing"
    internal: bool = False

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        DropAbs().run(graph, ctx)
        raise (RuntimeError if self.internal else PassError)("it failed")


class Log(list[str]):
    """Collects what is written."""

    def text(self) -> str:
        return "".join(self)


def test_printing_before_and_after() -> None:
    log = Log()
    printed = PrintIR(log.append, before_names=("dr*",), after_names=("nothing",), after_change=True)
    PassManager([Nothing(), DropAbs()], instruments=[printed]).run(parse(TEXT))
    titles = [line for line in log.text().splitlines() if line.startswith("#")]
    assert titles == ["# *** IR after nothing (1), which changed nothing ***", "# *** IR before drop-abs (2) ***", "# *** IR after drop-abs (2) ***"]
    assert "%a = identity(%data)" in log[-1]
    assert str(parse(log[-1])).startswith("graph @net")


@pytest.mark.parametrize("internal", [False, True])
def test_printing_after_a_failure(internal: bool) -> None:
    log = Log()
    with pytest.raises(RuntimeError if internal else PassError, match="it failed"):
        PassManager([Failing(internal)], instruments=[PrintIR(log.append, after_failure=True)]).run(parse(TEXT))
    assert "# *** IR where failing (1) failed ***" in log.text()
    assert "%a = identity(%data)" in log.text()


def test_printing_changes() -> None:
    for mode, expected in (("full", 2), ("quiet", 1), ("diff", 2)):
        log = Log()
        PassManager([Nothing(), DropAbs()], instruments=[PrintChanges(log.append, mode)]).run(parse(TEXT))
        assert len(log) == expected, mode
        assert ("return %e" in log.text()) == (mode != "diff")
    assert "-  %a = abs(%data) : f32[N,4]\n+  %a = identity(%data) : f32[N,4]" in log.text()
    assert log[0] == "# *** nothing (1) changed nothing ***\n"


def test_timing() -> None:
    timing = Timing()
    PassManager([Nothing(), DropAbs()], instruments=[timing]).run(parse(TEXT))
    lines = timing.table().splitlines()
    assert [line.split("  ", 3)[-1].strip().split("%  ")[-1] for line in lines[1:]] == ["nothing  (changed nothing)", "drop-abs", "all 2 passes"]
    assert Timing().table().splitlines()[-1].endswith("all 0 passes")


def test_tracing() -> None:
    log = Log()
    graph = parse(TEXT)
    PassManager([Reverse()], instruments=[TraceRule(("AddInstead*",), log.append), TraceRule(("other",), log.append)]).run(graph)
    assert log.text().splitlines() == [
        "#1 reverse/AddInsteadOfMultiply applied %b [b]: x * s = s * x", "#2 reverse/AddInsteadOfMultiply applied %c [c]: x * s = s * x",
        "#3 reverse/AddInsteadOfMultiply refused %d [d]: a scalar of 4 stays",
        "-- reverse/AddInsteadOfMultiply no match %b [b]", "-- reverse/AddInsteadOfMultiply no match %c [c]", "trace-rule: nothing named other was asked"]
    assert not graph.events.listeners


def test_dumping(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "dump"
    graph = parse(TEXT)
    PassManager([Nothing(), Reverse(), DropAbs()], instruments=[DumpIR(folder)]).run(graph)
    assert sorted(path.name for path in folder.iterdir()) == ["000_input.ngir", "001_nothing.ngir", "002_reverse.ngir", "003_drop-abs.ngir", "events.txt",
                                                              "index.html"]
    assert (folder / "000_input.ngir").read_text() == TEXT + "\n"
    assert str(parse((folder / "003_drop-abs.ngir").read_text())) == str(graph)
    assert (folder / "events.txt").read_text().splitlines() == [str(event) for event in graph.events]
    assert all(path.name in (folder / "index.html").read_text() for path in folder.glob("*.ngir"))


def test_a_dump_keeps_decisions_about_passes_that_did_not_run(tmp_path: Path) -> None:
    PassManager([DropAbs(), Nothing()], instruments=[DumpIR(tmp_path)], disable=["nothing"]).run(parse(TEXT))
    assert (tmp_path / "events.txt").read_text() == "#1 nothing/- skipped %-: switched off by name\n"


def test_dumping_a_failure(tmp_path: Path) -> None:
    with pytest.raises(PassError):
        PassManager([Failing()], instruments=[DumpIR(tmp_path)]).run(parse(TEXT))
    assert (tmp_path / "001_failing.failed.ngir").is_file()
    assert '<p class="error">it failed</p>' in (tmp_path / "index.html").read_text()


def test_a_dump_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"the dump folder .* cannot be made"):
        PassManager([Nothing()], instruments=[DumpIR(tmp_path / "file")]).run(parse(TEXT))


def test_bisecting_passes() -> None:
    log = Log()
    graph = parse(TEXT)
    PassManager([Nothing(), Reverse(), DropAbs()], instruments=[Bisect(BisectLimit.parse("2"), log.append)]).run(graph)
    assert log.text().splitlines() == ["BISECT: running pass (1) nothing", "BISECT: running pass (2) reverse", "BISECT: NOT running pass (3) drop-abs"]
    assert "reverse=true" in str(graph)
    assert "identity" not in str(graph)


def test_bisecting_rule_firings() -> None:
    log = Log()
    graph = parse(TEXT)
    PassManager([Nothing(), Reverse(), DropAbs()], instruments=[Bisect(BisectLimit.parse("2.1"), log.append)]).run(graph)
    assert log.text().splitlines() == ["BISECT: running pass (1) nothing", "BISECT: running pass (2) reverse",
                                       "BISECT: running rule (2.1) AddInsteadOfMultiply at %b", "BISECT: NOT running rule (2.2) AddInsteadOfMultiply at %c",
                                       "BISECT: NOT running pass (3) drop-abs"]
    assert str(graph).count("reverse=true") == 1


@pytest.mark.parametrize("text", ["", "x", "1.", "-2", "-1.3", "1.2.3", "²"])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="a bisection limit is a number of passes such as 5"):
        BisectLimit.parse(text)
    assert BisectLimit.parse("-1") == BisectLimit(-1)


def check(*passes: Pass, tolerance: Tolerance | None = None) -> None:
    graph = parse(TEXT)
    PassManager(passes, instruments=[CheckNumerics(random_feeds(graph), tolerance or Tolerance())]).run(graph)


def test_numbers_that_stay() -> None:
    check(Nothing(), Reverse())
    check(Reverse(wrong=3.0), tolerance=Tolerance(0.1, 0))


@pytest.mark.parametrize(("wrong", "node"), [
    (2.0, "%b: x * s = s * x\nfrom MXNet's b (node 2 of net-symbol.json)"), (3.0, "%c: x * s = s * x\nfrom MXNet's c")])
def test_the_rule_firing_that_moves_an_output(wrong: float, node: str) -> None:
    with pytest.raises(PassError) as caught:
        check(Nothing(), Reverse(wrong=wrong))
    text = str(caught.value)
    assert text.startswith("pass reverse (2) moves the output 'out' by 0.")
    assert text.endswith(f"with the rule AddInsteadOfMultiply at {node}\nin pass reverse{{wrong={wrong}}}, after nothing")


def test_a_pass_without_rules_that_moves_an_output() -> None:
    with pytest.raises(PassError) as caught:
        check(DropAbs())
    assert str(caught.value).endswith(
        "no rule fired in it; the first value that differs from that of the same name before the pass is %a, from MXNet's a (node 1 of net-symbol.json)\n"
        "in pass drop-abs, after no other pass")


def test_tolerances() -> None:
    assert Tolerance.parse("1e-3") == Tolerance(1e-3)
    assert Tolerance.parse("0,1") == Tolerance(0, 1)
    for text in ("", "x", "1,2,3,4", "-1", "nan", "inf"):
        with pytest.raises(InputError, match="a tolerance is rtol,atol such as 1e-4,1e-6"):
            Tolerance.parse(text)
    one, nan, infinite = np.float32([1, 2]), np.float32([1, np.nan]), np.float32([1, np.inf])
    for same in (one, nan, infinite):
        assert Tolerance().worst([same], [same.copy()]) is None
    for left, right in ((one, nan), (nan, one), (one, infinite), (infinite, one)):
        assert Tolerance().worst([left], [right]) == (0, np.inf, pytest.approx(1e-6 + 1e-4 * np.abs(left[np.isfinite(left)]).max()))
    assert Tolerance().worst([one, one], [one, one + 1]) == (1, 1.0, pytest.approx(2.01e-4))
    assert Tolerance().worst([one], [one[:1]]) == (0, np.inf, 1e-6)
