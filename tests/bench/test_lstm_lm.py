"""The deployed language model against MXNet."""

from types import ModuleType

import numpy as np
import pytest

import ngc
from bench.deployed.lstm_lm import MODEL


@pytest.mark.full
def test_the_language_model_matches_mxnet(mx: ModuleType) -> None:
    symbol, arguments, states = MODEL.build(mx, 0)
    feeds = MODEL.inputs(1)
    executable = ngc.compile((symbol, arguments, states), shapes={name: array.shape for name, array in feeds.items()}, threads=2)
    executor = symbol.simple_bind(mx.cpu(), grad_req="null", **{name: array.shape for name, array in feeds.items()})
    executor.copy_params_from({name: mx.nd.array(array) for name, array in arguments.items()}, {})
    expected = executor.forward(is_train=False, **{name: mx.nd.array(array) for name, array in feeds.items()})
    for got, wanted in zip(executable.run(feeds), (output.asnumpy() for output in expected), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=MODEL.tolerance * np.abs(wanted).max())
        assert wanted.std() > 0.05 * np.abs(wanted).max()  # the outputs say something
