"""Instruments and passes of the user's own: what ngc-opt imports, and what it says where it cannot."""

from pathlib import Path

import pytest

from ngc.opt.main import SUCCESS, USAGE, OptMain
from tests.opt.test_main import NET

OWN = '''
from dataclasses import dataclass
from typing import ClassVar
from ngc.passes import Instrument, Pass
import sys


class Count(Instrument):
    def after(self, index, item, graph, changed, seconds):
        print(f"{index} {item.name}: {len(graph)} nodes", file=sys.stderr)


class Needs(Instrument):
    def __init__(self, something):
        pass


@dataclass(frozen=True)
class Mine(Pass):
    """Does nothing, as often as it is told."""

    name: ClassVar[str] = "mine"
    times: int = 1

    def run(self, graph, ctx):
        return False


class Dead(Mine):
    name = "eliminate-dead-code"


class Unfinished(Pass):
    name = "unfinished"
'''


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a network's file in the present folder, beside a module of the user's."""
    (tmp_path / "own_tools.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("1 / 0")
    (tmp_path / "net.ngir").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))  # undone after the test, with what was imported from there
    return tmp_path / "net.ngir"


def test_an_instrument(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert OptMain([str(net), "-p", "canonicalize", "--instrument", "own_tools:Count", "--instrument", "own_tools:Count"]).run() == SUCCESS
    assert capsys.readouterr().err.count("1 canonicalize: 8 nodes\n") == 2


def test_a_pass(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert OptMain([str(net), "-p", "canonicalize,mine{times=3}", "--load-pass", "own_tools:Mine"]).run() == SUCCESS
    capsys.readouterr()
    assert OptMain(["-p", "@canonical", "--load-pass", "own_tools:Dead", "--print-pipeline"]).run() == SUCCESS
    assert capsys.readouterr().out.endswith("eliminate-dead-code\n")
    assert OptMain(["-p", "eliminate-dead-code{times=2}", "--load-pass", "own_tools:Dead", "--print-pipeline"]).run() == SUCCESS
    assert OptMain(["-p", "mein", "--load-pass", "own_tools:Mine", "--print-pipeline"]).run() == USAGE
    assert "unknown pass mein; did you mean mine" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "text"), [
    (["--instrument", "Count"], "--instrument takes module:Class such as my_tools.passes:Mine, not 'Count'"),
    (["--instrument", "own_tools:"], "--instrument takes module:Class"),
    (["--instrument", "no_such_module:X"], "the module no_such_module cannot be imported: ModuleNotFoundError"),
    (["--instrument", "own_broken:X"], "the module own_broken cannot be imported: ZeroDivisionError: division by zero"),
    (["--instrument", "own_tools:Counts"], "the module own_tools has no Counts"),
    (["--instrument", "own_tools:Mine"], "Mine is no subclass of ngc.passes.Instrument"),
    (["--instrument", "own_tools:Needs"], "--instrument own_tools:Needs: Needs() failed: TypeError"),
    (["--load-pass", "own_tools:Count"], "Count is no subclass of ngc.passes.Pass"),
    (["--load-pass", "own_tools:Unfinished"], "--load-pass own_tools:Unfinished: Unfinished lacks a name or a method run"),
])
def test_errors(net: Path, arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert OptMain([str(net), "-p", "canonicalize", *arguments]).run() == USAGE
    err = capsys.readouterr().err
    assert err.startswith("ngc-opt: usage: ")
    assert text in err
