"""Seeded parameters for symbols, whose normalizations keep activations of order one."""

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bench.deployed.model import Built
from bench.zoo_models import draw_parameter


def drawn(symbol: Any, feeds: Mapping[str, np.ndarray], seed: int) -> Built:
    """Returns a symbol without auxiliary states with weights drawn from a seed."""
    rng = np.random.default_rng(seed)
    shapes, _, _ = symbol.infer_shape(**{name: array.shape for name, array in feeds.items()})
    arguments = zip(symbol.list_arguments(), shapes, strict=True)
    return symbol, {name: draw_parameter(rng, name, shape) for name, shape in arguments if name not in feeds}, {}


def seeded(mx: ModuleType, symbol: Any, feeds: Mapping[str, np.ndarray], seed: int) -> Built:
    """Returns a symbol with weights drawn from a seed and the batch-norm statistics that its feeds have under them.

    One pass in training mode, where batch norms use the statistics of what they see, measures them all, each after those before it.
    """
    rng = np.random.default_rng(seed)
    arg_shapes, _, aux_shapes = symbol.infer_shape(**{name: array.shape for name, array in feeds.items()})
    args = {name: mx.nd.array(feeds[name] if name in feeds else draw_parameter(rng, name, shape))
            for name, shape in zip(symbol.list_arguments(), arg_shapes, strict=True)}
    states = symbol.list_auxiliary_states()
    measured = _statistics(mx, symbol)
    executor = measured.bind(mx.cpu(), {name: args[name] for name in measured.list_arguments()},
                             aux_states={name: mx.nd.zeros(shape) for name, shape in zip(states, aux_shapes, strict=True)}, grad_req="null")
    values = [output.asnumpy() for output in executor.forward(is_train=True)]
    parameters = {name: array.asnumpy() for name, array in args.items() if name not in feeds}
    return symbol, parameters, dict(zip(states, values, strict=True))


def _statistics(mx: ModuleType, symbol: Any) -> Any:
    """Returns the mean and the variance of what each batch norm of a symbol sees, in the order of its auxiliary states."""
    nodes, inner = json.loads(symbol.tojson())["nodes"], symbol.get_internals()
    found = {}
    for node in nodes:
        if node["op"] != "BatchNorm":
            continue
        data, _, _, mean, var = (nodes[place[0]]["name"] for place in node["inputs"])
        x = inner[f"{data}_output"]
        found[mean] = mx.sym.mean(x, axis=(0, 2, 3))
        centred = mx.sym.broadcast_sub(x, mx.sym.reshape(found[mean], shape=(1, -1, 1, 1)))
        found[var] = mx.sym.mean(mx.sym.square(centred), axis=(0, 2, 3))
    return mx.sym.Group([found[name] for name in symbol.list_auxiliary_states()])
