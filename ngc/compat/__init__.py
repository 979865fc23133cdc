"""What MXNet users already call, name for name and argument for argument, on ngc's executables."""

from ngc.compat.arrays import BoundArray, OutputArray
from ngc.compat.executor import Executor, simple_bind

__all__ = ["BoundArray", "Executor", "OutputArray", "simple_bind"]
