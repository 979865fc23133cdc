"""What hears of every attempt of a rule: traces, counters and statistics, around the small passes of `test_instruments`."""

import json

import pytest

from ngc.errors import InputError, PassError, VerifyError
from ngc.ir import parse
from ngc.ir.rewrite import Candidate
from ngc.passes import PassContext, PassManager
from ngc.passes.instruments import DebugCounters, FindBreakage, Statistics
from ngc.passes.instruments.debug_counter import Counter
from ngc.passes.instruments.known_rules import near_names, rule_names
from tests.opt.faulty_passes import BreakingFuseConv, RaisingPass, SameNames
from tests.passes.instruments.test_instruments import TEXT, Failing, Log, Nothing, Reverse

NET = """graph @net(%data: f32[1,8,4,4]) {
  %w = const @w : f32[8,8,1,1]
  %c = conv2d(%data, %w) : f32[1,8,4,4] loc("c")
  %d = conv2d(%c, %w) : f32[1,8,4,4] loc("d")
  return %d
}"""
REVERSE = "AddInsteadOfMultiply"


def test_every_attempt_is_told() -> None:
    told: list[Candidate] = []
    ctx = PassContext()
    ctx.hooks.tried.append(told.append)
    ctx.hooks.should_fire.append(lambda pass_name, rule, node: node.name != "b")
    PassManager([Reverse()]).run(parse(TEXT), ctx)
    assert [(candidate.node, candidate.status, candidate.reason) for candidate in told] == [
        ("b", "skipped", "switched off"), ("c", "applied", "x * s = s * x"), ("d", "refused", "a scalar of 4 stays"),
        ("c", "no match", ""), ("b", "skipped", "switched off")]  # what changed, and its neighbours, again
    assert str(told[0]) == "reverse/AddInsteadOfMultiply skipped %b [b]: switched off"


def test_a_rule_that_raises_is_told_and_named() -> None:
    told: list[Candidate] = []
    ctx = PassContext()
    ctx.hooks.tried.append(told.append)
    with pytest.raises(PassError) as caught:
        PassManager([RaisingPass()]).run(parse(NET), ctx)
    assert str(caught.value) == "it does not work\nin rule RaisingRule at %c, from MXNet's c\nin pass fuse-conv, after no other pass"
    assert [(candidate.status, candidate.reason) for candidate in told] == [("failed", "it does not work")]


@pytest.mark.parametrize(("text", "counter"), [
    (f"{REVERSE}:skip=1,count=2", Counter(REVERSE, 1, 2)), (f"{REVERSE}:count=2", Counter(REVERSE, 0, 2)),
    (f"fuse-*/{REVERSE}:skip=3", Counter(f"fuse-*/{REVERSE}", 3)), ("Add*:count=0,skip=1", Counter("Add*", 1, 0)),
])
def test_counters(text: str, counter: Counter) -> None:
    assert Counter.parse(text) == counter


@pytest.mark.parametrize("text", ["", REVERSE, f"{REVERSE}:", ":count=1", f"{REVERSE}:1", f"{REVERSE}:count=-1", f"{REVERSE}:count=1,",
                                  f"{REVERSE}:skip=1,skip=1", f"{REVERSE}:count=1;skip=1", f"{REVERSE}:counts=1"])
def test_counters_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="--debug-counter takes RULE:skip=3,count=1, one of the two or both, not"):
        Counter.parse(text)


def test_unknown_names() -> None:
    assert {"LayerThenStep", "ConvThenAffine", "OfConstants", REVERSE} <= set(rule_names())
    assert "NodeRule" not in rule_names()
    assert near_names("layerthenstep", rule_names()).startswith("; did you mean LayerThenStep")
    assert near_names("zzzzzzzz", rule_names()) == ""
    with pytest.raises(InputError, match=r"no rule is named 'zzzzzzzz'$"):
        Counter.parse("zzzzzzzz:count=1")


@pytest.mark.parametrize(("counters", "changed", "told"), [
    ([Counter(REVERSE, 0, 1)], "b", [f"{REVERSE}: asked 2, skipped 1, fired 1"]),
    ([Counter(f"reverse/{REVERSE}", 1)], "bc", [f"reverse/{REVERSE}: asked 3, skipped 1, fired 2"]),  # b is asked again, since c changed
    ([Counter(f"other/{REVERSE}", 0, 0)], "bc", [f"other/{REVERSE}: asked 0, skipped 0, fired 0"]),
    ([Counter("*", 0, 1), Counter(REVERSE, 1, 1)], "", ["*: asked 2, skipped 2, fired 0", f"{REVERSE}: asked 2, skipped 2, fired 0"]),
])
def test_counting(counters: list[Counter], changed: str, told: list[str]) -> None:
    log, graph = Log(), parse(TEXT)
    PassManager([Nothing(), Reverse()], instruments=[DebugCounters(counters, log.append)]).run(graph)
    assert [line.removeprefix("debug-counter: ") for line in log.text().splitlines()] == told
    assert "".join(node.name for node in graph.nodes if node.attrs.get("reverse")) == changed


def test_counters_are_told_after_a_failure_too() -> None:
    log = Log()
    with pytest.raises(PassError):
        PassManager([Reverse(), Failing()], instruments=[DebugCounters([Counter(REVERSE, 0, 0)], log.append)]).run(parse(TEXT))
    assert log.text().startswith("debug-counter: AddInsteadOfMultiply: asked ")


def test_statistics() -> None:
    log = Log()
    ctx = PassContext()
    PassManager([Nothing(), Reverse()], instruments=[Statistics(log.append, as_json=True)]).run(parse(TEXT), ctx)
    first, second = json.loads(log.text())
    assert first | {"seconds": 0} == {"pass": "nothing", "index": 1, "depth": 0, "seconds": 0, "operators": [5, 5], "constant_bytes": [0, 0], "rules": {},
                                      "decisions": {}}
    assert second["rules"] == {REVERSE: {"candidates": 5, "matched": 3, "applied": 2, "refused": 1}}
    assert not ctx.hooks.tried
    assert not ctx.region_instruments


def test_statistics_of_a_failure() -> None:
    log = Log()
    with pytest.raises(PassError):
        PassManager([Failing()], instruments=[Statistics(log.append)]).run(parse(TEXT))
    assert "5 -> 5" in log.text()
    assert "failing (1)" in log.text()


def test_what_broke_the_graph() -> None:
    log = Log()
    with pytest.raises(VerifyError):
        PassManager([BreakingFuseConv()], instruments=[FindBreakage(log.append)]).run(parse(NET))
    assert log.text() == "verify-each: fuse-conv (1) broke the graph: the rule BreakingRule at %d: conv2d(x, w) = relu(conv2d(x, w))\nfrom MXNet's d\n"
    with pytest.raises(VerifyError):
        PassManager([SameNames()], instruments=[FindBreakage(log.append)]).run(parse(NET))
    assert log[-1] == "verify-each: same-names (1) broke the graph: no rule firing; the pass does it without one\n"
    with pytest.raises(PassError):
        PassManager([Failing()], instruments=[FindBreakage(log.append)]).run(parse(NET.replace("%c", "%a")))
    assert len(log) == 2
