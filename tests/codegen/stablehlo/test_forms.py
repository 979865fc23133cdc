"""The table of StableHLO's forms and what is written: every row kept, every node of the samples as the reference evaluator has it."""

import numpy as np
import pytest

from ngc.codegen.stablehlo.emit import EMITTERS
from ngc.engines.stablehlo_forms import NOTHING, SHAPING, STABLEHLO_FORMS, STABLEHLO_STEPS, why_no_stablehlo
from ngc.ir import STEPS, opdefs
from tests.codegen.stablehlo.samples import SAMPLES, feeds, node_graph
from tests.codegen.stablehlo.xla import check, operations, promised

ROUNDING = {"f32": 2.0**-24, "f16": 2.0**-11, "bf16": 2.0**-8}
"""Largest relative error of rounding to nearest."""

SLACK = 32
"""Roundings of f32 that the longest formula or sum of a sample accumulates."""


def test_every_operator_and_every_step_has_a_row() -> None:
    assert set(opdefs()) | {"engine.call"} == set(STABLEHLO_FORMS)
    assert set(STABLEHLO_STEPS) == set(STEPS)
    assert all(bool(form.ops) != bool(form.reason) for form in STABLEHLO_FORMS.values())


def test_every_form_has_who_writes_it_and_samples() -> None:
    written = {op for op, form in STABLEHLO_FORMS.items() if form.ops} - {"const"}
    assert written == set(EMITTERS)
    assert written == {op for op, _, _ in SAMPLES}


@pytest.mark.parametrize("op", sorted(EMITTERS))
def test_a_form_is_what_is_written(op: str) -> None:
    graphs = [node_graph(op, types, attrs) for name, types, attrs in SAMPLES if name == op]
    found = set().union(*map(operations, graphs))
    assert found == set(STABLEHLO_FORMS[op].ops) - SHAPING - {NOTHING}
    assert all(operations(graph) <= promised(graph) for graph in graphs)


@pytest.mark.parametrize("op", sorted(EMITTERS))
def test_samples_agree_with_the_reference(op: str) -> None:
    for name, types, attrs in SAMPLES:
        if name == op:
            graph = node_graph(op, types, attrs)
            assert why_no_stablehlo(graph.nodes[-1]) is None
            unit = max((ROUNDING[value.type.dtype] for value in (*graph.inputs, *graph.outputs) if value.type.dtype in ROUNDING), default=0)
            with np.errstate(all="ignore"):
                # A result of 16 bits is rounded once more by the evaluator, where it computes its steps in that type.
                check(graph, feeds(graph), rtol=SLACK * ROUNDING["f32"] + 2 * unit, atol=4 * SLACK * ROUNDING["f32"] + 2 * unit * (unit > ROUNDING["f32"]))
