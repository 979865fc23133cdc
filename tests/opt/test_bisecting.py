"""`--bisect-auto`: the pass and the rule firing where a result flips."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ngc.ir import Graph, parse
from ngc.ir.rewrite import Rewriter
from ngc.opt.main import FAILURE, SUCCESS, USAGE
from ngc.passes import PASSES, Pass, PassContext
from tests.opt.command import run
from tests.passes.instruments.test_instruments import TEXT, Reverse

NET = TEXT


@dataclass(frozen=True)
class Scale(Pass):
    """Sets the first scalar, which no rule does."""

    name: ClassVar[str] = "scale"
    to: float = 1.0

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        node = next(node for node in graph.nodes if node.op == "mul")
        changed: bool = node.attrs["scalar"] != self.to
        Rewriter(graph).respecify(node, node.inputs, {**node.attrs, "scalar": self.to})
        return changed


@dataclass(frozen=True)
class Fall(Pass):
    """Raises an error."""

    name: ClassVar[str] = "fall"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        raise ZeroDivisionError


@pytest.fixture(autouse=True)
def _table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds the passes to the table."""
    for made in (Reverse, Scale, Fall):
        monkeypatch.setitem(PASSES, made.name, lambda made=made: made)


def found(net: Path, pipeline: str, capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    """Returns what a search prints."""
    assert run(net, "-p", pipeline, *arguments) == SUCCESS
    out, err = capsys.readouterr()
    assert out == ""
    return [line.removeprefix("bisect: ") for line in err.splitlines()]


def test_by_numbers(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(net, "eliminate-dead-code,reverse{wrong=3},eliminate-dead-code", capsys, "--bisect-auto") == [
        "with no pass all outputs stay within the tolerance; with all 3 passes an output moves beyond the tolerance",
        "last good pass: (1) eliminate-dead-code",
        "first bad pass: (2) reverse, with which an output moves beyond the tolerance",
        "last good rule firing: (2.1) AddInsteadOfMultiply at %b: x * s = s * x",
        "first bad rule firing: (2.2) AddInsteadOfMultiply at %c: x * s = s * x",
        "from MXNet's c",
        "good with --bisect-limit 2.1, bad with --bisect-limit 2.2"]
    assert run(net, "-p", "reverse{wrong=3}", "--bisect-auto", "--check-numerics=0.5") == FAILURE
    assert "there is nothing to search for: with all 1 passes all outputs stay within the tolerance, as with none" in capsys.readouterr().err


def test_the_limits_that_are_named_do_what_is_said(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = found(net, "reverse{wrong=2},eliminate-dead-code", capsys, "--bisect-auto")
    assert lines[1] == "last good pass: none"
    assert lines[3] == "last good rule firing: none"
    assert lines[-1] == "good with --bisect-limit 1.0, bad with --bisect-limit 1.1"
    scalars = []
    for limit in ("1.0", "1.1"):
        assert run(net, "-p", "reverse{wrong=2},eliminate-dead-code", "--bisect-limit", limit) == SUCCESS
        scalars.append(parse(capsys.readouterr().out).find("b").producer.attrs["scalar"])  # type: ignore[union-attr]  # %b is no input
    assert scalars == [2.0, 2.02]


def test_by_a_command(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = found(net, "eliminate-dead-code,reverse", capsys, "--bisect-auto", "test $(grep -c reverse=true {ir}) -lt 2; exit $((3 * $?))")
    assert lines[0] == "with no pass the command exits with 0; with all 2 passes the command exits with 3"
    assert lines[4] == "first bad rule firing: (2.2) AddInsteadOfMultiply at %c: x * s = s * x"
    assert found(net, "reverse", capsys, "--bisect-auto", "test -s {weights} && ! grep -q reverse=true")[-1] == (
        "good with --bisect-limit 1.0, bad with --bisect-limit 1.1")  # the IR comes last where the command does not say where
    assert run(net, "-p", "reverse", "--bisect-auto", "exit 7 #") == FAILURE
    assert "there is nothing to search for: with all 1 passes the command exits with 7, as with none" in capsys.readouterr().err


def test_a_pass_without_rules(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = found(net, "reverse,scale{to=9}", capsys, "--bisect-auto")
    assert lines[-2:] == ["no rule fires in it, so the pass itself is to blame", "good with --bisect-limit 1, bad with --bisect-limit 2"]
    lines = found(net, "reverse,fall", capsys, "--bisect-auto")
    assert lines[2] == "first bad pass: (2) fall, with which a pass fails with ZeroDivisionError"


def test_results_that_are_not_monotonic(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = found(net, "scale{to=9},scale{to=2},scale{to=5}", capsys, "--bisect-auto")
    assert lines[-1].startswith("the results are not monotonic, so there may be other such places: --bisect-limit ")
    assert lines[-1].endswith(("is bad again", "is good again"))


@pytest.mark.parametrize(("arguments", "text"), [
    (["--bisect-auto"], "--bisect-auto searches the passes of -p, which is missing"),
    (["-p", "reverse", "--bisect-auto", "--bisect-limit", "1"], "--bisect-auto tries limits by itself; it does not go with --bisect-limit"),
    (["-p", "reverse", "--bisect-auto", "--reproducer", "r.ngir"], "--bisect-auto tries limits by itself; it does not go with --reproducer"),
    (["-p", "reverse", "--bisect-auto", "true", "--check-numerics"], "--bisect-auto goes by the command that it is given, or by --check-numerics, not by both"),
])
def test_usage(net: Path, arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, *arguments) == USAGE
    assert text in capsys.readouterr().err
