"""Gluon blocks that went to an engine: traced as a symbol, called like the block they were."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ngc.compat.arrays import as_numpy
from ngc.compat.builds import Build
from ngc.compat.checkpoint import save_checkpoint
from ngc.compat.symbol import Symbol
from ngc.errors import InputError
from ngc.importer.mxnet_live import import_mxnet, trace_block
from ngc.runtime import Executable


def traced_block(block: Any, examples: Mapping[str, np.ndarray], args: Any = None, aux: Any = None) -> tuple[Symbol, dict[str, Any], dict[str, Any]]:
    """Returns the symbol and the parameters of a HybridBlock.

    Args:
        block: initialized.
        examples: arrays by the names of its inputs, in their order.
        args: None, or empty: a block brings its own.
        aux: likewise.

    Raises:
        InputError: parameters are given.
        ImportFailure: the block is not hybrid, not initialized, or cannot be traced.
    """
    if args or aux:
        raise InputError("a Gluon block brings its own parameters; pass args=None and aux=None")
    live, params, _ = trace_block(block, {name: array.shape for name, array in examples.items()})
    symbol = Symbol.of(live)
    states = set(symbol.list_auxiliary_states())
    return (symbol, {name: value for name, value in params.items() if name not in states}, {name: params[name] for name in params if name in states})


class CompiledBlock:
    """A network for inference, called on NDArrays or numpy arrays of the shapes that it was compiled for; other shapes are compiled at their first call."""

    def __init__(self, symbol: Symbol, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any], inputs: tuple[str, ...], build: Build) -> None:
        self.symbol, self.arg_params, self.aux_params, self.inputs, self.build = symbol, arg_params, aux_params, inputs, build
        self._executables: dict[tuple[tuple[int, ...], ...], Executable] = {}

    def __call__(self, *data: Any) -> Any:
        """Returns the network's output, a list where there are several: NDArrays for NDArrays, numpy arrays for others.

        Raises:
            InputError: another number of inputs than the network has, or shapes that do not fit.
            EngineError: the engine's device is missing.
        """
        if len(data) != len(self.inputs):
            raise InputError(f"{len(data)} arrays given; the network reads {', '.join(self.inputs)}")
        arrays = {name: as_numpy(value, name) for name, value in zip(self.inputs, data, strict=True)}
        results = self.executable(*(array.shape for array in arrays.values())).run(arrays)
        if any(hasattr(value, "asnumpy") for value in data):
            mx = import_mxnet()
            results = [mx.nd.array(result, dtype=result.dtype) for result in results]
        return results[0] if len(results) == 1 else results

    forward = __call__

    def executable(self, *shapes: tuple[int, ...]) -> Executable:
        """Returns the compiled network for inputs of these shapes."""
        if shapes not in self._executables:
            model = (self.symbol, self.arg_params, self.aux_params)
            self._executables[shapes] = self.build.compile(model, dict(zip(self.inputs, shapes, strict=True)))
        return self._executables[shapes]

    def export(self, path: str, epoch: int = 0, remove_amp_cast: bool = True) -> tuple[str, str]:
        """Writes `path-symbol.json` and `path-0000.params`, and returns the two names."""
        save_checkpoint(path, epoch, self.symbol, self.arg_params, self.aux_params)
        return f"{path}-symbol.json", f"{path}-{epoch:04d}.params"

    def hybridize(self, active: bool = True, **options: Any) -> None:
        """Does nothing: the network is compiled."""
