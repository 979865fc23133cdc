"""Rewrites the steps of a node for integers: what a register holds stands for a real number, and every step says how.

    real  =  factor * register + offset          factor and offset one number each, or one for each channel

Linear steps change factor and offset and cost nothing; they become one `affine` or `scale` step where the next step that is not linear needs the register in
units of its own: real / scale + zero. Those are, as far ahead as one can see, the units in which the value is stored, so that the last linear step brings
requantization along:

    relu in units (s, z)           relu where z is 0, clip(z, inf) elsewhere
    clip(a, b) in units (s, z)     clip(a/s + z, b/s + z)
    + y, y = (q - z')*s'           units (s, z - z'*s'/s), then add_scaled(q){s'/s}, then units (s, z)
    tee                            the units of what it stores
    any other function             real numbers

A last relu or clip that saturation does anyway is left out.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ngc.ir import Step, Value
from ngc.ir.tensor_type import Quant
from ngc.passes.step_forms import NewVector, step_operands

QuantOf = Callable[[Value], tuple[Value, Quant | None]]
"""Gives the value that stands for an operand, and what its integers mean; None where it is real numbers."""

Numbers = NDArray[np.float64]
"""One number, or one for each channel."""

_LINEAR = ("bias", "affine", "scale")

_EQUIVARIANT = ("relu", "leaky_relu", "prelu", "clip", "add")
"""Steps that can be done in units other than real numbers."""


@dataclass(frozen=True)
class Units:
    """A register holds real / scale + zero."""

    scale: Numbers
    zero: float = 0.0

    @classmethod
    def of(cls, quant: Quant | None) -> "Units":
        """Returns the units of stored integers, real numbers where there is no quantization."""
        return REAL if quant is None else cls(np.squeeze(np.array(quant.scale, np.float64)), float(quant.zero_point))

    @property
    def is_one(self) -> bool:
        """Whether all channels have one scale."""
        return self.scale.ndim == 0


REAL = Units(np.array(1.0))


@dataclass
class StepWriter:
    """Writes steps for a register that stands for real numbers.

    Attributes:
        name: of the node, for new constants.
        factor, offset: real = factor * register + offset.
        saturates: whether the last value is stored as u8.
    """

    name: str
    factor: Numbers
    offset: Numbers
    saturates: bool
    steps: list[Step] = field(default_factory=list)
    operands: list[Value | NewVector] = field(default_factory=list)

    def write(self, steps: Sequence[Step], operands: Sequence[Value], stored: Sequence[Units], quant_of: QuantOf) -> None:
        """Writes all steps of an epilogue.

        Args:
            steps: the steps as they are for real numbers.
            operands: what they read.
            stored: units of what each tee stores, then those of the last value.
            quant_of: returns the value that stands for a tensor operand and its quantization.
        """
        pairs, tees = list(step_operands(steps, operands)), 0
        for position, (step, values) in enumerate(pairs):
            if step.kind in _LINEAR:
                self._linear(step, values)
                continue
            units = self._units_ahead(steps[position:], stored[tees])
            match step.kind:
                case "tee":
                    self.bring_to(stored[tees])
                    self._emit(step)
                    tees += 1
                case "relu":
                    self._relu(units)
                case "clip":
                    self._clip(step, units if units.is_one else REAL)
                case "add":
                    self._add(values[0], units if units.is_one else REAL, quant_of)
                case "multiply":
                    units = Units(units.scale) if units.is_one else REAL
                    self.bring_to(units)
                    self._emit(step, values[0])
                case "leaky_relu" | "prelu":
                    self.bring_to(Units(units.scale))
                    params = tuple(float(np.float32(param)) for param in step.params)  # what registers hold
                    self._emit(Step(step.kind, params), *values)
                case _:
                    self.bring_to(REAL)
                    self._emit(step, *values)
        self.bring_to(stored[-1])
        if self.saturates:
            self._drop_saturated()

    def bring_to(self, units: Units) -> None:
        """Writes the linear step that brings the register to units, none where it has them."""
        factor, offset = self.factor / units.scale, self.offset / units.scale + units.zero
        factor32, offset32 = np.float32(factor), np.float32(offset)
        if factor32.ndim or offset32.ndim:
            channels = max(factor32.size, offset32.size)
            vectors = [np.ascontiguousarray(np.broadcast_to(part, (channels,)), np.float32) for part in (factor32, offset32)]
            if (vectors[0] != 1).any():
                self._emit(Step("affine"), NewVector(f"{self.name}_scale", vectors[0]), NewVector(f"{self.name}_shift", vectors[1]))
            elif vectors[1].any():
                self._emit(Step("bias"), NewVector(f"{self.name}_shift", vectors[1]))
        elif (float(factor32), float(offset32)) != (1.0, 0.0):
            self._emit(Step("scale", (float(factor32), float(offset32))))
        self.factor, self.offset = units.scale, -units.zero * units.scale

    def _emit(self, step: Step, *operands: Value | NewVector) -> None:
        self.steps.append(step)
        self.operands += operands

    def _linear(self, step: Step, values: Sequence[Value]) -> None:
        if step.kind == "scale":
            factor, shift = (np.array(param, np.float64) for param in step.params)
        else:
            vectors = [np.asarray(value.array, np.float64) for value in values]
            factor, shift = vectors if step.kind == "affine" else (np.array(1.0), vectors[0])
        self.factor, self.offset = self.factor * factor, self.offset * factor + shift

    def _units_ahead(self, steps: Sequence[Step], stored: Units) -> Units:
        """Returns the units in which the next steps can be done up to where the value is stored; real numbers where one of them needs those."""
        for step in steps:
            if step.kind == "tee":
                return stored
            if step.kind not in (*_EQUIVARIANT, "multiply"):
                return REAL
        return stored

    def _relu(self, units: Units) -> None:
        self.bring_to(units)
        self._emit(Step("clip", (units.zero, math.inf)) if units.zero else Step("relu"))

    def _clip(self, step: Step, units: Units) -> None:
        self.bring_to(units)
        scale = float(units.scale)
        self._emit(Step("clip", tuple(float(np.float32(bound / scale + units.zero)) for bound in step.params)))

    def _add(self, value: Value, units: Units, quant_of: QuantOf) -> None:
        operand, quant = quant_of(value)
        if quant is None and (units is REAL or _is_planar(operand)):
            self.bring_to(REAL)
            self._emit(Step("add"), operand)
            return
        scale = float(units.scale)
        factor, zero = (1.0, 0.0) if quant is None else (quant.scale[0], float(quant.zero_point))
        self.bring_to(Units(units.scale, units.zero - zero * factor / scale))
        self._emit(Step("add_scaled", (float(np.float32(factor / scale)),)), operand)
        self.factor, self.offset = units.scale, -units.zero * units.scale

    def _drop_saturated(self) -> None:
        """Leaves out a last step that saturation to 0..255 does: it rounds whatever lies below 0.5 to 0 and above 254.5 to 255."""
        last = self.steps[-1] if self.steps else None
        if last is not None and (last.kind == "relu" or (last.kind == "clip" and last.params[0] < 0.5 and last.params[1] > 254.5)):
            self.steps.pop()


def _is_planar(value: Value) -> bool:
    """Whether a tensor has ones for its spatial dimensions, over which steps repeat it."""
    return value.type.rank > 2 and all(dim == 1 for dim in value.type.shape[2:])
