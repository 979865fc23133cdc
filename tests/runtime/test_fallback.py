"""`fallback="reference"` runs every operator, of all element types and for any batch, and says so."""

import logging

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import ngc
from bench.differential.case import Case
from bench.differential.compare import distance
from bench.differential.ngc_runs import compile_here, import_case
from bench.differential.search import cases_of
from bench.differential.strategies import STRATEGIES
from ngc.codegen.llvm import lower
from ngc.errors import NgcError
from ngc.importer.operators import OPERATORS
from ngc.ir import evaluate

_KEPT = ("reorder",)
"""What blocked tensors need is no operator of a model."""


def _covering() -> list[str]:
    """Returns MXNet operators that together become every IR operator that any becomes."""
    chosen, covered = [], set[str]()
    for name in STRATEGIES:
        if not set(OPERATORS[name].becomes) <= covered:
            chosen.append(name)
            covered |= set(OPERATORS[name].becomes)
    return chosen


@pytest.fixture
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes all kernels of operators away."""
    table = {name: handler for name, handler in lower.handlers().items() if name in _KEPT}
    monkeypatch.setattr(lower, "handlers", lambda: table)


def _runs(case: Case) -> None:
    arrays = case.arrays()
    feeds = {item.name: arrays[item.name] for item in case.inputs if not item.param and not item.label}
    try:
        graph = import_case(case, arrays, batch=case.batch)
        with np.errstate(all="ignore"):
            expected = evaluate(graph, feeds)
    except NgcError:
        return  # refused before anything is compiled
    with np.errstate(all="ignore"):
        actual = compile_here(graph, fallback="reference", pipeline="@canonical,assign-layout").run_poisoned(feeds)
    error, what = distance(actual, expected, case.tolerance)
    assert error <= 1, what


@pytest.mark.parametrize("op", _covering())
def test_every_operator_runs_without_kernels(op: str, no_kernels: None) -> None:
    @hypothesis.seed(3)
    @settings(max_examples=1, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink))
    @given(cases_of(op, STRATEGIES[op]))
    def run(case: Case) -> None:
        _runs(case)

    run()


def test_the_warning_names_the_operators(no_kernels: None, caplog: pytest.LogCaptureFixture) -> None:
    builder = ngc.ir.GraphBuilder("net")
    x = builder.input("data", (ngc.ir.SymDim(), 3))
    graph = builder.finish([builder.op("add", builder.op("erf", x), builder.op("erf", builder.op("square", x)))], ["y"])
    with caplog.at_level(logging.WARNING):
        executable = ngc.compile(graph, fallback="reference", pipeline="assign-layout")
    assert [record.getMessage() for record in caplog.records] == [
        'fallback="reference": 4 operators without a kernel run in numpy: erf (2), square (1), add (1)']
    assert all(call.op.startswith("reference:") for call in executable.program.calls)
