"""A model of two inputs and two outputs, for the tests of what measures models."""

from types import ModuleType

import numpy as np

from bench.deployed.model import Built, DeployedModel


def build(mx: ModuleType, seed: int) -> Built:
    """Returns a dense layer on a row that integers pick from a table, beside that row."""
    row = mx.sym.take(mx.sym.var("table"), mx.sym.var("index"), name="row")
    symbol = mx.sym.Group([mx.sym.FullyConnected(row, num_hidden=3, name="fc"), mx.sym.BatchNorm(mx.sym.var("data"), name="bn")])
    rng = np.random.default_rng(seed)
    weights = {"table": (5, 4), "fc_weight": (3, 4), "fc_bias": (3,), "bn_gamma": (2,), "bn_beta": (2,)}
    states = {"bn_moving_mean": np.zeros(2, np.float32), "bn_moving_var": np.ones(2, np.float32)}
    return symbol, {name: rng.normal(size=shape).astype(np.float32) for name, shape in weights.items()}, states


def inputs(batch: int) -> dict[str, np.ndarray]:
    """Returns row numbers and floats."""
    return {"index": np.arange(batch, dtype=np.int32), "data": np.full((batch, 2), 0.5, np.float32)}


MODEL = DeployedModel("small", build, inputs, head_free=("row_output",))
