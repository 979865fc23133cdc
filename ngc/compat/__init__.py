"""What MXNet users already call, name for name and argument for argument, on ngc's executables."""

from importlib import import_module
from typing import Any

from ngc.compat.arrays import BoundArray, OutputArray
from ngc.compat.executor import Executor, simple_bind
from ngc.compat.symbol import Symbol

__all__ = ["BoundArray", "Executor", "OutputArray", "Symbol", "simple_bind"]


def __getattr__(name: str) -> Any:
    if name == "quantization":  # loads LLVM, to calibrate with
        return import_module("ngc.compat.quantization")
    raise AttributeError(f"module 'ngc.compat' has no attribute {name!r}")
