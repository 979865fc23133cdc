"""What MXNet users already call, name for name and argument for argument, on ngc's executables."""

from importlib import import_module
from typing import Any

from ngc.compat.arrays import BoundArray, OutputArray
from ngc.compat.checkpoint import load_checkpoint, save_checkpoint
from ngc.compat.executor import Executor, simple_bind
from ngc.compat.symbol import Symbol

__all__ = ["BoundArray", "Executor", "OutputArray", "Plot", "Symbol", "load_checkpoint", "optimize_for", "plot_network", "save_checkpoint", "simple_bind"]

_MODULES = ("neuron", "quantization", "tensorrt")  # load LLVM or networkx, to compile with
_FUNCTIONS = {"Plot": "plotting", "optimize_for": "optimizing", "plot_network": "plotting"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"ngc.compat.{name}")
    if name in _FUNCTIONS:
        return getattr(import_module(f"ngc.compat.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module 'ngc.compat' has no attribute {name!r}")
