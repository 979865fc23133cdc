"""Operands that lack the run-time batch N are repeated N times, as MXNet repeats them whatever the batch is; evaluated and compiled."""

import json

import numpy as np
import pytest

import ngc
from ngc.importer import import_model
from ngc.ir import evaluate
from tests.importer.test_build import graph_json, node, variable

DATA = np.random.default_rng(5).normal(size=(4, 3, 3)).astype(np.float32)
ROW = np.array([0.5, -2.0, 0.0], np.float32)
CHOSEN = np.array([True, False, True])
ONE = np.float32([[[3.0]]])

CASES = {
    "_npi_where": ((CHOSEN, DATA, ROW), np.where(CHOSEN, DATA, ROW)),
    "_npi_where of one row": ((DATA > 0, ROW, ROW * 2), np.where(DATA > 0, ROW, ROW * 2)),
    "_npi_arctan2": ((ROW, DATA), np.arctan2(ROW, DATA)),
    "_npi_copysign": ((ONE, DATA), np.copysign(ONE, DATA)),
    "_npi_fmax": ((ONE, DATA), np.fmax(ONE, DATA)),
    "_npi_tril": ((DATA,), np.tril(DATA)),
    "broadcast_like": ((ONE, DATA), np.broadcast_to(ONE, DATA.shape)),
}


@pytest.mark.parametrize("name", CASES)
def test_operands_without_the_batch_are_repeated(name: str) -> None:
    arrays, wanted = CASES[name]
    feeds = {f"x{number}": array for number, array in enumerate(arrays)}
    symbol = graph_json(*map(variable, feeds), node(name.split()[0], "z", *range(len(feeds))))
    shapes = {key: ("N", *array.shape[1:]) if array.shape == DATA.shape else array.shape for key, array in feeds.items()}
    model = import_model((json.dumps(symbol), {}, {}), shapes=shapes, dtypes={key: array.dtype for key, array in feeds.items()})
    assert str(model.outputs[0].type.shape[0]) == "N"
    np.testing.assert_allclose(evaluate(model, feeds)[0], wanted, rtol=1e-6)
    np.testing.assert_allclose(ngc.compile(model).run(feeds)[0], wanted, rtol=1e-6)
