"""The inputs and outputs of what was compiled."""

from dataclasses import dataclass

from ngc.ir import Shape


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: name, shape (a dimension may be a multiple of N), IR dtype."""

    name: str
    shape: Shape
    dtype: str
