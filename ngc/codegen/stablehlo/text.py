"""The text of StableHLO: tensors, and the body of a function as it grows.

Operations are written in MLIR's generic form, `"stablehlo.add"(%a, %b) : (types) -> type`, which every version of the dialect reads. Nothing here knows
the operators of ngc.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ngc.ir import Node
from ngc.ir.tensor_type import DTYPES

ELEMENTS = {"f32": "f32", "f64": "f64", "f16": "f16", "bf16": "bf16", "u8": "ui8", "i8": "i8", "i32": "i32", "i64": "i64", "bool": "i1"}
"""MLIR's element types by the IR's dtypes; integers without a sign in their name are signed in StableHLO, and i1 is its truth value."""

_WORDS = {"f64": np.uint64, "f32": np.uint32, "f16": np.uint16}

HIGHEST = "precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]"
"""Products of f32 are of f32: no backend may round their operands to fewer bits."""


@dataclass(frozen=True)
class Tensor:
    """A value of the function: its name with the percent sign, its shape, its dtype in the IR's spelling."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def type(self) -> str:
        """MLIR's type, such as `tensor<1x3xf32>`."""
        return tensor_type(self.shape, self.dtype)

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.dtype in ("f32", "f64", "f16", "bf16")


def tensor_type(shape: Sequence[int], dtype: str) -> str:
    """Returns `tensor<1x3xf32>`."""
    return f"tensor<{''.join(f'{dim}x' for dim in shape)}{ELEMENTS[dtype]}>"


def int_array(values: Sequence[int]) -> str:
    """Returns the attribute `array<i64: 1, 2>`."""
    return f"array<i64: {', '.join(map(str, values))}>" if values else "array<i64>"


def int_pairs(pairs: Sequence[tuple[int, int]]) -> str:
    """Returns the attribute `dense<[[1, 1], [0, 2]]> : tensor<2x2xi64>`."""
    rows = ", ".join(f"[{before}, {after}]" for before, after in pairs)
    return f"dense<[{rows}]> : tensor<{len(pairs)}x2xi64>"


def quoted(text: str) -> str:
    """Returns a string literal of MLIR."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\0A") + '"'


def _literal(value: Any, dtype: str) -> str:
    """Returns one element of a dense constant, exact to the last bit."""
    if dtype == "bool":
        return "true" if value else "false"
    if dtype not in ("f32", "f64", "f16", "bf16"):
        return str(int(value))
    number = float(value)
    if not np.isfinite(number):
        if dtype == "bf16":
            return f"0x{int(np.float32(number).view(np.uint32)) >> 16:04X}"
        stored = np.array(number, DTYPES[dtype])
        return f"0x{int(stored.view(_WORDS[dtype])):0{2 * stored.itemsize}X}"
    digits, exponent, power = repr(number).partition("e")
    return (digits if "." in digits else digits + ".0") + exponent + power


class Body:
    """The operations of a function, in order.

    Attributes:
        location: what the operations to come are made for, an MLIR location; empty for none.
        used: names of all operations so far.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.location = ""
        self.used: set[str] = set()
        self._count = 0

    def op(self, name: str, operands: Sequence[Tensor], shape: Sequence[int], dtype: str, attributes: str = "", region: str = "") -> Tensor:
        """Appends an operation of one result and returns that."""
        result = Tensor(f"%{self._count}", tuple(shape), dtype)
        self._count += 1
        self.used.add(name)
        text = f'{result.name} = "{name}"({", ".join(operand.name for operand in operands)})'
        text += f" ({region})" if region else ""
        text += f" {{{attributes}}}" if attributes else ""
        text += f" : ({', '.join(operand.type for operand in operands)}) -> {result.type}"
        self.lines.append(text + (f" loc({self.location})" if self.location else ""))
        return result

    def sort_with(self, x: Tensor, other: Tensor, axis: int, *, backwards: bool = False) -> tuple[Tensor, Tensor]:
        """Appends a stable sort of x along an axis, smallest first unless backwards, NaN as the largest; returns it and another tensor moved alike."""
        name, key, carried = f"%{self._count}", tensor_type((), x.dtype), tensor_type((), other.dtype)
        self._count += 1
        lines = []

        def compare(result: str, a: str, direction: str, b: str) -> None:
            kind = "FLOAT" if x.is_float else "UNSIGNED" if x.dtype in ("u8", "bool") else "SIGNED"
            lines.append(f'{result} = "stablehlo.compare"({a}, {b}) {{comparison_direction = #stablehlo<comparison_direction {direction}>, '
                         f"compare_type = #stablehlo<comparison_type {kind}>}} : ({key}, {key}) -> tensor<i1>")

        first, second = ("%b", "%a") if backwards else ("%a", "%b")
        compare("%c", first, "LT", second)
        if x.is_float:  # the second is NaN and the first is not
            compare("%d", first, "EQ", first)
            compare("%e", second, "NE", second)
            for result, operation, left, right in (("%f", "and", "%d", "%e"), ("%g", "or", "%c", "%f")):
                lines.append(f'{result} = "stablehlo.{operation}"({left}, {right}) : (tensor<i1>, tensor<i1>) -> tensor<i1>')
        decided = "%g" if x.is_float else "%c"
        region = f'{{^bb0(%a: {key}, %b: {key}, %x: {carried}, %y: {carried}): {" ".join(lines)} "stablehlo.return"({decided}) : (tensor<i1>) -> ()}}'
        self.used.add("stablehlo.sort")
        text = (f'{name}:2 = "stablehlo.sort"({x.name}, {other.name}) ({region}) {{dimension = {axis} : i64, is_stable = true}} : '
                f"({x.type}, {other.type}) -> ({x.type}, {other.type})")
        self.lines.append(text + (f" loc({self.location})" if self.location else ""))
        return Tensor(f"{name}#0", x.shape, x.dtype), Tensor(f"{name}#1", other.shape, other.dtype)

    def map(self, name: str, *operands: Tensor, attributes: str = "") -> Tensor:
        """Appends an element-wise operation whose result has the type of its last operand."""
        return self.op(f"stablehlo.{name}", operands, operands[-1].shape, operands[-1].dtype, attributes)

    # -- constants and types ----------------------------------------------------------------------------------------------

    def scalar(self, value: float, dtype: str, shape: Sequence[int] = ()) -> Tensor:
        """Appends a constant of one value, repeated to a shape."""
        return self.op("stablehlo.constant", (), shape, dtype, f"value = dense<{_literal(value, dtype)}> : {tensor_type(shape, dtype)}")

    def vector(self, values: Sequence[float], dtype: str) -> Tensor:
        """Appends a constant of rank 1."""
        items = ", ".join(_literal(value, dtype) for value in values)
        return self.op("stablehlo.constant", (), (len(values),), dtype, f"value = dense<[{items}]> : {tensor_type((len(values),), dtype)}")

    def like(self, x: Tensor, value: float) -> Tensor:
        """Appends a constant of x's type."""
        return self.scalar(value, x.dtype, x.shape)

    def convert(self, x: Tensor, dtype: str) -> Tensor:
        """Returns x in another dtype, as `stablehlo.convert` defines it; x itself where it has it."""
        return x if x.dtype == dtype else self.op("stablehlo.convert", (x,), x.shape, dtype)

    def wide(self, x: Tensor) -> Tensor:
        """Returns x in the type that arithmetic is done in: f32 for data of 16 bits."""
        return self.convert(x, "f32") if x.dtype in ("f16", "bf16") else x

    # -- arithmetic; a number stands for a constant of the other operand's type -------------------------------------------

    def _pair(self, name: str, a: Tensor, b: Tensor | float) -> Tensor:
        return self.map(name, a, b if isinstance(b, Tensor) else self.like(a, b))

    def add(self, a: Tensor, b: Tensor | float) -> Tensor:
        """Returns a + b."""
        return self._pair("add", a, b)

    def subtract(self, a: Tensor, b: Tensor | float) -> Tensor:
        """Returns a - b."""
        return self._pair("subtract", a, b)

    def multiply(self, a: Tensor, b: Tensor | float) -> Tensor:
        """Returns a * b."""
        return self._pair("multiply", a, b)

    def divide(self, a: Tensor, b: Tensor | float) -> Tensor:
        """Returns a / b; integers are divided toward zero."""
        return self._pair("divide", a, b)

    def maximum(self, a: Tensor, b: Tensor | float) -> Tensor:
        """Returns the larger one, NaN where one is."""
        return self._pair("maximum", a, b)

    def minimum(self, a: Tensor, b: Tensor | float) -> Tensor:
        """Returns the smaller one, NaN where one is."""
        return self._pair("minimum", a, b)

    def compare(self, a: Tensor, direction: str, b: Tensor | float) -> Tensor:
        """Returns where a is EQ, NE, GT, GE, LT or LE b."""
        other = b if isinstance(b, Tensor) else self.like(a, b)
        kind = "FLOAT" if a.is_float else "UNSIGNED" if a.dtype in ("u8", "bool") else "SIGNED"
        attributes = f"comparison_direction = #stablehlo<comparison_direction {direction}>, compare_type = #stablehlo<comparison_type {kind}>"
        return self.op("stablehlo.compare", (a, other), a.shape, "bool", attributes)

    def select(self, condition: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
        """Returns a where the condition holds, else b; one of both may be a number."""
        like = a if isinstance(a, Tensor) else b
        if not isinstance(like, Tensor):
            raise TypeError("one of the two values of a select is a tensor")
        first = a if isinstance(a, Tensor) else self.like(like, a)
        second = b if isinstance(b, Tensor) else self.like(like, b)
        return self.op("stablehlo.select", (condition, first, second), like.shape, like.dtype)

    # -- shapes -----------------------------------------------------------------------------------------------------------

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Returns the same elements under another shape."""
        return x if x.shape == tuple(shape) else self.op("stablehlo.reshape", (x,), shape, x.dtype)

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Returns x with axis i taken from axis axes[i]."""
        return self.op("stablehlo.transpose", (x,), [x.shape[axis] for axis in axes], x.dtype, f"permutation = {int_array(axes)}")

    def broadcast(self, x: Tensor, shape: Sequence[int], axes: Sequence[int]) -> Tensor:
        """Returns x repeated to a shape, its axis i along axis axes[i] there; dimensions of 1 are repeated too."""
        return x if x.shape == tuple(shape) else self.op("stablehlo.broadcast_in_dim", (x,), shape, x.dtype, f"broadcast_dimensions = {int_array(axes)}")

    def broadcast_right(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Returns x repeated to a shape that it is aligned with at the right, as numpy does."""
        return self.broadcast(x, shape, range(len(shape) - x.rank, len(shape)))

    def along(self, vector: Tensor, like: Tensor, axis: int) -> Tensor:
        """Returns a vector with one value for each position of an axis, or with one for all, repeated to the shape of `like`."""
        return self.broadcast(vector, like.shape, [axis % like.rank])

    def slice(self, x: Tensor, begin: Sequence[int], end: Sequence[int], step: Sequence[int]) -> Tensor:
        """Returns x[begin:end:step] on each axis; steps are positive."""
        shape = [len(range(*part)) for part in zip(begin, end, step, strict=True)]
        if tuple(shape) == x.shape:
            return x
        return self.op("stablehlo.slice", (x,), shape, x.dtype, f"start_indices = {int_array(begin)}, limit_indices = {int_array(end)}, "
                                                                f"strides = {int_array(step)}")

    def part(self, x: Tensor, axis: int, begin: int, end: int) -> Tensor:
        """Returns a range of one axis."""
        first, last = [0] * x.rank, list(x.shape)
        first[axis], last[axis] = begin, end
        return self.slice(x, first, last, [1] * x.rank)

    def reverse(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Returns x backwards along some axes."""
        return self.op("stablehlo.reverse", (x,), x.shape, x.dtype, f"dimensions = {int_array(axes)}") if axes else x

    def concatenate(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """Returns the parts joined along an axis."""
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return parts[0] if len(parts) == 1 else self.op("stablehlo.concatenate", parts, shape, parts[0].dtype, f"dimension = {axis} : i64")

    def pad(self, x: Tensor, widths: Sequence[tuple[int, int]], value: float, between: Sequence[int] | None = None) -> Tensor:
        """Returns x with a border of one value, (before, after) for each axis, and with `between` such elements put between two of x's."""
        between = [0] * x.rank if between is None else between
        shape = [before + dim + max(dim - 1, 0) * gap + after for dim, (before, after), gap in zip(x.shape, widths, between, strict=True)]
        attributes = (f"edge_padding_low = {int_array([before for before, _ in widths])}, edge_padding_high = {int_array([after for _, after in widths])}, "
                      f"interior_padding = {int_array(between)}")
        return self.op("stablehlo.pad", (x, self.scalar(value, x.dtype)), shape, x.dtype, attributes)

    # -- reductions: `kind` is add, multiply, maximum or minimum, `start` its neutral element ------------------------------

    def reduce(self, x: Tensor, kind: str, start: float, axes: Sequence[int]) -> Tensor:
        """Returns x reduced over axes, which are gone then."""
        shape = [dim for axis, dim in enumerate(x.shape) if axis not in axes]
        region = self._combine(kind, x.dtype)
        return self.op("stablehlo.reduce", (x, self.scalar(start, x.dtype)), shape, x.dtype, f"dimensions = {int_array(axes)}", region)

    def reduce_window(self, x: Tensor, kind: str, start: float, window: Sequence[int], stride: Sequence[int], pads: Sequence[tuple[int, int]]) -> Tensor:
        """Returns x reduced over windows; padding, (before, after) for each axis, holds `start`."""
        shape = [(before + dim + after - size) // step + 1
                 for dim, (before, after), size, step in zip(x.shape, pads, window, stride, strict=True)]
        ones = int_array([1] * x.rank)
        attributes = (f"window_dimensions = {int_array(window)}, window_strides = {int_array(stride)}, base_dilations = {ones}, window_dilations = {ones}, "
                      f"padding = {int_pairs(pads)}")
        region = self._combine(kind, x.dtype)
        return self.op("stablehlo.reduce_window", (x, self.scalar(start, x.dtype)), shape, x.dtype, attributes, region)

    def _combine(self, kind: str, dtype: str) -> str:
        """Returns the region that joins two elements."""
        type = tensor_type((), dtype)
        self.used.add(f"stablehlo.{kind}")
        return (f'{{^bb0(%a: {type}, %b: {type}): %c = "stablehlo.{kind}"(%a, %b) : ({type}, {type}) -> {type} '
                f'"stablehlo.return"(%c) : ({type}) -> ()}}')


Emitter = Callable[[Body, Node, Sequence[Tensor]], list[Tensor]]
"""Writes a node whose operands are there; returns its results."""
