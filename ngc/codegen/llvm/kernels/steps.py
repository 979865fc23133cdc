"""Folds steps in registers: what is element-wise around a convolution or dense layer touches memory once.

A kernel says where the values of a tile lie through a `Site`; the steps read their vectors and tensors there and store tees.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.text import Builder, Value
from ngc.codegen.llvm.vector_math import emit_activation
from ngc.target import CpuTarget


class Site(Protocol):
    """Where a tile's values lie: `vector` counts vectors of channels, `pixel` the tile's pixels (or rows)."""

    def channels(self, base: Value, vector: int) -> Value:
        """Returns the per-channel values at `base` for a vector of the tile."""

    def load(self, base: Value, tensor: Geometry | None, vector: int, pixel: int) -> Value:
        """Returns the value of a tensor operand that meets a value of the tile."""

    def store(self, value: Value, base: Value, tensor: Geometry | None, vector: int, pixel: int) -> None:
        """Stores a value of the tile to a tensor operand; padding lanes become zero."""

    def shared(self, tensor: Geometry | None) -> bool:
        """Returns whether all pixels of the tile meet the same values of a tensor operand."""


_CHEAP = {"bias", "affine", "prelu", "scale", "add", "add_scaled", "multiply", "tee", "relu", "clip", "leaky_relu", "abs", "negative", "square",
          "hard_sigmoid", "sqrt", "floor", "ceil"}


def is_cheap(steps: Sequence[StepSpec]) -> bool:
    """Returns whether the steps are few instructions, so that code of their own for every accumulator of a tile stays small."""
    return all(step.kind in _CHEAP for step in steps)


def before_store(steps: Sequence[StepSpec], dtype: str) -> Sequence[StepSpec]:
    """Returns the steps that the last value needs: u8 saturates at 0, which does the work of a relu that comes last."""
    return steps[:-1] if dtype == "u8" and steps and steps[-1].kind == "relu" else steps


def operands_of(steps: Sequence[StepSpec]) -> int:
    """Returns how many pointers the steps take from a kernel's arguments."""
    return sum(step.operands for step in steps)


@dataclass
class Steps:
    """The steps of one tile: operand pointers are loaded once, per-channel values once per vector.

    `exact` says that the kernel reads or writes u8. There, and where a step does, every operation is rounded for itself, so that all instruction sets give
    the same integers.
    """

    b: Builder
    steps: Sequence[StepSpec]
    site: Site
    args: Value
    first: int
    target: CpuTarget
    exact: bool = False
    _pointers: dict[int, list[Value]] = field(default_factory=dict)
    _cache: dict[tuple[int, int, int], Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        position = self.first
        for index, step in enumerate(self.steps):
            self._pointers[index] = [self.b.load_pointer(self.args, position + i) for i in range(step.operands)]
            position += step.operands

    def load_channels(self, vector: int) -> None:
        """Loads the per-channel operands of a vector here, so that blocks that this one dominates share them."""
        for index, step in enumerate(self.steps):
            for operand in range({"bias": 1, "affine": 2, "prelu": 1}.get(step.kind, 0)):
                self._channels(index, operand, vector)

    def apply(self, x: Value, vector: int, pixel: int) -> Value:
        """Returns a value of the tile after all steps."""
        for index, step in enumerate(self.steps):
            x = self._step(index, step, x, vector, pixel)
        return x

    @cached_property
    def fused(self) -> bool:
        """Whether a product and a sum may be one instruction."""
        return self.target.has_fma and not self.exact and all(step.tensor is None or step.tensor.dtype != "u8" for step in self.steps)

    def _step(self, index: int, step: StepSpec, x: Value, vector: int, pixel: int) -> Value:
        b, pointers = self.b, self._pointers[index]
        match step.kind:
            case "bias":
                return b.fbinary("fadd", x, self._channels(index, 0, vector))
            case "affine":
                return b.fma(x, self._channels(index, 0, vector), self._channels(index, 1, vector), fused=self.fused)
            case "prelu":
                scaled = b.fbinary("fmul", x, self._channels(index, 0, vector))
                return b.select(b.fcmp("ogt", x, b.constant(x.type, 0.0)), x, scaled)
            case "add":
                return b.fbinary("fadd", x, self._tensor(index, step, vector, pixel))
            case "add_scaled":
                y = self._tensor(index, step, vector, pixel)
                return b.fma(y, b.constant(y.type, step.params[0]), x, fused=self.fused)
            case "multiply":
                return b.fbinary("fmul", x, self._tensor(index, step, vector, pixel))
            case "tee":
                self.site.store(x, pointers[0], step.tensor, vector, pixel)
                return x
            case _:
                return alone(b, step, x, self.target, self.fused)

    def _channels(self, index: int, operand: int, vector: int) -> Value:
        key = (index, operand, vector)
        if key not in self._cache:
            self._cache[key] = self.site.channels(self._pointers[index][operand], vector)
        return self._cache[key]

    def _tensor(self, index: int, step: StepSpec, vector: int, pixel: int) -> Value:
        base = self._pointers[index][0]
        if not self.site.shared(step.tensor):
            return self.site.load(base, step.tensor, vector, pixel)
        key = (index, 0, vector)
        if key not in self._cache:
            self._cache[key] = self.site.load(base, step.tensor, vector, pixel)
        return self._cache[key]


def after_steps(b: Builder, steps: Sequence[StepSpec], x: Value, target: CpuTarget) -> Value:
    """Returns a value after steps without operands, every operation rounded for itself."""
    for step in steps:
        x = alone(b, step, x, target, fused=False)
    return x


def alone(b: Builder, step: StepSpec, x: Value, target: CpuTarget, fused: bool) -> Value:
    """Returns a value after a step that has no operands; `fused` says whether a product and a sum may be one instruction."""
    if step.kind == "scale":
        factor, shift = (b.constant(x.type, value) for value in step.params)
        return b.fma(x, factor, shift, fused)
    return emit_activation(b, step.kind, step.params, x, target)
