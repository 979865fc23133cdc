"""What the strategies draw with: hypothesis' draw function, behind words for shapes, axes, inputs and calls."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from bench.differential.case import Call, Case, Input, Tolerance

T = TypeVar("T")

FLOATS = ("float32", "float32", "float32", "float64", "float16")
"""Types of floating point; float32 is drawn most, as it is deployed most."""

NUMBERS = (*FLOATS, "int32", "int64", "int8", "uint8")
"""Types of data that most operators take."""

SIZES = (1, 2, 3, 4, 5, 7, 8, 9)
"""Sizes of a dimension: ones, odd sizes, and one more and one less than vectors have lanes."""

# One case in sixteen is compiled too, which takes a hundred times as long; the levels of x86-64 have vectors of 4 and 8 floats.
_TARGETS = (None,) * 45 + ("cpu", "cpu:x86-64", "cpu:x86-64-v3")


class Maker:
    """One case while it is drawn. Shrinking prefers what stands first in a choice, and small numbers."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self._draw = draw
        self.inputs: list[Input] = []
        self.calls: list[Call] = []

    def pick(self, *values: T) -> T:
        """Returns one of some values; the first is the simplest."""
        chosen: T = self._draw(st.sampled_from(values))
        return chosen

    def integer(self, low: int, high: int) -> int:
        """Returns a whole number in [low, high]."""
        return int(self._draw(st.integers(low, high)))

    def number(self, low: float, high: float) -> float:
        """Returns a number in [low, high] that float32 holds."""
        return float(self._draw(st.floats(low, high, width=32)))

    def chance(self) -> bool:
        """Returns True half of the time."""
        return bool(self._draw(st.booleans()))

    def maybe(self, value: T) -> T | None:
        """Returns the value, or None for an attribute that the node leaves out."""
        return value if self.chance() else None

    def some(self, values: Sequence[T], least: int = 0) -> list[T]:
        """Returns some of the values, in their order."""
        chosen = self._draw(st.sets(st.integers(0, len(values) - 1), min_size=least)) if values else set()
        return [values[index] for index in sorted(chosen)]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Returns the values in any order."""
        return list(self._draw(st.permutations(list(values))))

    def size(self, *more: int) -> int:
        """Returns the size of a dimension."""
        return self.pick(*SIZES, *more)

    def shape(self, least: int = 1, most: int = 4) -> tuple[int, ...]:
        """Returns a shape of `least` to `most` dimensions."""
        return tuple(self.size() for _ in range(self.integer(least, most)))

    def axis(self, rank: int) -> int:
        """Returns an axis, counted from the front or, as a negative number, from the end."""
        axis = self.integer(0, rank - 1)
        return axis - rank if self.chance() else axis

    def axes(self, rank: int, least: int = 0) -> tuple[int, ...]:
        """Returns some axes in any order, counted from either end."""
        chosen = self.shuffled(self.some(range(rank), least))
        return tuple(axis - rank if self.chance() else axis for axis in chosen)

    def input(self, name: str, shape: Sequence[int], dtype: str = "float32", values: str = "uniform", low: float = -2.0, high: float = 2.0, *,
              param: bool = False, batched: bool = True, label: bool = False) -> str:
        """Adds a variable and returns its name."""
        self.inputs.append(Input(name, tuple(shape), dtype, values, low, high, param, batched and not param, label))
        return name

    def weight(self, name: str, shape: Sequence[int], dtype: str = "float32", values: str = "uniform", low: float = -1.0, high: float = 1.0) -> str:
        """Adds a variable that is a parameter, most of the time, or fed by the caller; returns its name."""
        return self.input(name, shape, dtype, values, low, high, param=self.integer(0, 3) < 3, batched=False)

    def call(self, op: str, *inputs: str, **attrs: Any) -> str:
        """Adds a node and returns the name of its first output; attributes that are None are left out."""
        name = f"n{len(self.calls)}"
        self.calls.append(Call(op, name, inputs, tuple((key, _text(value)) for key, value in attrs.items() if value is not None)))
        return name

    def case(self, *heads: str, units: float = 4.0, terms: float = 1.0, magnitude: float = 0.0, dtype: str | None = None) -> Case:
        """Returns the case, which returns these heads; the other arguments are those of `Tolerance`."""
        return Case(tuple(self.calls), tuple(self.inputs), heads, Tolerance(units, terms, magnitude, dtype), self.integer(0, 2**16), self.chance(),
                    self.pick(*_TARGETS))


def outputs(name: str, count: int) -> list[str]:
    """Returns references to the first outputs of a call."""
    return [f"{name}:{index}" for index in range(count)]


def _text(value: Any) -> str:
    """Returns an attribute as MXNet writes it."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(str, value))}{',' if len(value) == 1 else ''})"
    return str(value)


def volume(shape: Sequence[int]) -> int:
    """Returns how many numbers an array has."""
    return int(np.prod(shape, dtype=np.int64))
