"""What finds the differences: MXNet's process survives a case that kills it, a wrong result is found and shrunk, and what is known is explained."""

import subprocess
import sys
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.differential import ngc_runs
from bench.differential.case import Call, Case, Input, Tolerance
from bench.differential.compare import distance
from bench.differential.judge import explain, judge
from bench.differential.known import Known, one
from bench.differential.liberties import LIBERTIES
from bench.differential.mxnet_bugs import MXNET_BUGS
from bench.differential.mxnet_worker import _Fork
from bench.differential.oracle import Oracle
from bench.differential.progress import Progress
from bench.differential.search import Tally, reason, search
from bench.differential.strategies import STRATEGIES
from ngc.ir import Graph, evaluate

KILLER = one("_div_scalar", Input("data", (1,), "int32"), scalar="0.0")
RELU = one("relu", Input("data", (2, 3)))


def test_a_case_that_kills_mxnet_costs_nothing_else(oracle: Oracle) -> None:
    before = oracle.aborts
    states = [answer.state for answer in oracle.submit([RELU, KILLER, RELU]).answers()]
    assert states == ["computed", "aborted", "computed"]
    assert oracle.aborts == before + 1
    [answer] = oracle.submit([RELU]).answers()
    np.testing.assert_array_equal(answer.arrays[0], np.maximum(RELU.arrays()["data"], 0))


@pytest.mark.parametrize(("dtype", "shape", "value", "wraps"), [
    ("int8", (2, 1), 100, True), ("int8", (127,), 1, False), ("uint8", (256,), 0, True), ("uint8", (2,), 100, False), ("int32", (2,), 2**30, True),
    ("int32", (300,), 100, False), ("float16", (300,), 100, False),
])  # fmt: skip
def test_when_the_mean_of_whole_numbers_wraps(dtype: str, shape: tuple[int, ...], value: int, wraps: bool) -> None:
    [known] = [entry for entry in MXNET_BUGS if entry.ops == ("mean",)]
    assert known.applies(one("mean", Input("data", shape, dtype, "integers", value, value))) == wraps


def test_a_case_that_hangs_is_given_up() -> None:
    slow = SimpleNamespace(util=SimpleNamespace(np_shape=nullcontext, np_array=nullcontext), sym=SimpleNamespace(load_json=lambda text: time.sleep(60)))
    fork = _Fork(slow)
    assert fork.answer(("{}", {}, False), 0.1) == (("hung", "no answer in 0.1 s"), False)


def test_mxnet_says_why_it_refuses(oracle: Oracle) -> None:
    answer = oracle.run(one("Reshape", Input("data", (2, 3)), shape="(-1, -1)"))
    assert answer.state == "refused"
    assert "Check failed" in answer.message


def test_a_wrong_result_is_found_and_shrunk_to_the_smallest_case(oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(graph: Graph, feeds: Any) -> list[np.ndarray]:
        return [np.where(array > 0.5, 2, array).astype(array.dtype) for array in evaluate(graph, feeds)]

    monkeypatch.setattr(ngc_runs, "evaluate", wrong)
    tally = search("softsign", STRATEGIES["softsign"], 200, 1, oracle)
    assert "ngc has 2.0" in tally.summary
    assert tally.finding.count("Call(") == 1
    assert "dtype" not in tally.finding
    namespace: dict[str, Any] = {}
    exec(tally.finding.replace("explain(", "case = (", 1), namespace)
    [found] = namespace["case"].inputs
    assert np.prod(found.shape) <= 9


@pytest.mark.parametrize("entry", [*MXNET_BUGS, *LIBERTIES], ids=lambda entry: entry.title[:40])
def test_what_is_known_is_met_by_its_case(entry: Known, oracle: Oracle) -> None:
    verdicts = [judge([entry.case], oracle)[0] for _ in range(3)]
    # Whether MXNet survives what it writes beyond its arrays is chance; where it does, nothing may be left to explain.
    survived = {"aborts", "unsteady"} & {*entry.kinds} and not any(verdict.wrong for verdict in verdicts)
    assert any(verdict.known is entry for verdict in verdicts) or survived


def test_tolerances_count_roundings() -> None:
    one_off = np.nextafter(np.float32(1), np.float32(2))
    assert distance([np.array([one_off])], [np.ones(1, np.float32)], Tolerance(units=2))[0] == pytest.approx(0.5)
    assert distance([np.ones(1)], [np.ones(1, np.float32)], Tolerance())[1] == "output 0: float64[1], MXNet has float32[1]"
    assert distance([np.array([1, 3])], [np.array([1, 2])], Tolerance())[1] == "output 0: at [1] ngc has 3, MXNet 2"
    special = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    assert distance([special], [special.copy()], Tolerance())[0] == 0
    assert distance([special[::-1]], [special], Tolerance())[0] == np.inf
    assert distance([], [special], Tolerance())[1] == "0 outputs, MXNet has 1"


def test_cases_are_plain_data() -> None:
    case = Case((Call("clip", "n0", ("data",), (("a_min", "0.0"), ("a_max", "6.0"))),), (Input("data", (1, 2), "float16", low=-8.0),), ("n0",), seed=3)
    assert case.summary() == "clip(data float16[1,2], a_min=0.0, a_max=6.0)"
    namespace: dict[str, Any] = {}
    exec(case.snippet().replace("explain(", "case = (", 1), namespace)
    assert namespace["case"] == case
    assert case.arrays()["data"].dtype == np.float16


def test_explain_prints_both(oracle: Oracle, capsys: pytest.CaptureFixture[str]) -> None:
    explain(RELU)
    out = capsys.readouterr().out
    assert out.startswith("relu(data float32[2,3])\ndata = array(")
    assert "MXNet computed: [array(" in out
    assert "reference evaluator: [array(" in out
    assert out.endswith("equal: \n")


def test_refusals_are_counted_by_reason() -> None:
    unsupported = "<symbol>: 1 node of 1 unsupported operators:\n  softmax with use_length=True x1: 'n0' (node 2)\noutputs=[…] can …"
    assert reason(unsupported) == "softmax with use_length=True"
    assert reason("<symbol>: node 1 'n0' (Reshape): shape = (-1, 5): no") == "shape = (…): no"


def test_an_interrupted_run_goes_on(tmp_path: Any) -> None:
    progress = Progress(tmp_path / "results.json", 10, 1)
    tally = Tally(tried=10, error=0.5)
    tally.refusals["no"] += 2
    progress.add("relu", tally)
    progress.add("abs", Tally(tried=1, finding="explain(…)"))
    again = Progress(tmp_path / "results.json", 10, 1)
    again.load()
    assert list(again.results) == ["relu"]
    assert again.results["relu"].refused == 2
    other = Progress(tmp_path / "results.json", 20, 1)
    other.load()
    assert other.results == {}


@pytest.mark.full
def test_the_command_writes_the_page(oracle: Oracle, tmp_path: Any) -> None:
    page = tmp_path / "operators.md"
    options = ["--cases", "8", "--jobs", "1", "--ops", "relu", "--results", str(tmp_path / "r.json"), "--update", str(page)]
    command = [sys.executable, "-m", "bench.differential", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.endswith("nothing unexplained\n")
    text = page.read_text()
    assert "| `relu`, `_sparse_relu` | relu | " in text
    assert "`adam_update`" in text
    assert "Nothing is left unexplained." in text
