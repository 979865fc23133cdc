"""Gluon blocks that went to an engine: traced as a symbol, called like the block they were."""

import os
from collections.abc import Mapping, Sequence
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


class InferenceBlock:
    """A network for inference, called like a Gluon block on NDArrays or numpy arrays."""

    def __init__(self, symbol: Symbol, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any], inputs: Sequence[str]) -> None:
        self.symbol, self.arg_params, self.aux_params, self.inputs = symbol, arg_params, aux_params, tuple(inputs)
        self._executables: dict[tuple[tuple[int, ...], ...], Executable] = {}

    def executable(self, *shapes: tuple[int, ...]) -> Executable:
        """Returns the compiled network for inputs of these shapes."""
        raise NotImplementedError

    def __call__(self, *data: Any) -> Any:
        """Returns the network's output, a list where there are several: NDArrays for NDArrays, numpy arrays for others.

        Raises:
            InputError: another number of inputs than the network has, or shapes that do not fit.
            EngineError: an engine's device is missing.
        """
        if len(data) != len(self.inputs):
            raise InputError(f"{len(data)} arrays given; the network reads {', '.join(self.inputs)}")
        arrays = {name: as_numpy(value, name) for name, value in zip(self.inputs, data, strict=True)}
        results = self.executable(*(array.shape for array in arrays.values())).run(arrays)
        if any(hasattr(value, "asnumpy") for value in data):
            mx = import_mxnet()
            results = [mx.nd.array(result, dtype=result.dtype) for result in results]
        return results[0] if len(results) == 1 else results

    def forward(self, *data: Any) -> Any:
        """Returns what a call returns."""
        return self(*data)

    def export(self, path: str | os.PathLike[str], epoch: int = 0, remove_amp_cast: bool = True) -> tuple[str, str]:
        """Writes `path-symbol.json` and `path-0000.params`, which `ngc.compile(path)` reads, and returns the two names."""
        save_checkpoint(path, epoch, self.symbol, self.arg_params, self.aux_params)
        return f"{os.fspath(path)}-symbol.json", f"{os.fspath(path)}-{epoch:04d}.params"

    def hybridize(self, active: bool = True, **options: Any) -> None:
        """Does nothing: the network is compiled."""


class CompiledBlock(InferenceBlock):
    """A network that went to an engine, for the shapes that it was compiled for; others are compiled at their first call."""

    def __init__(self, symbol: Symbol, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any], inputs: Sequence[str], build: Build) -> None:
        super().__init__(symbol, arg_params, aux_params, inputs)
        self.build = build

    def executable(self, *shapes: tuple[int, ...]) -> Executable:
        """Returns the compiled network for inputs of these shapes."""
        if shapes not in self._executables:
            model = (self.symbol.graph, self.arg_params, self.aux_params)
            self._executables[shapes] = self.build.compile(model, dict(zip(self.inputs, shapes, strict=True)))
        return self._executables[shapes]
