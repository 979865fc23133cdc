"""Pooling in ONNX, with MXNet's conventions.

Both conventions become windows over explicit padding, rounded down: with `full`, the end is padded as far as the last window reaches. What ONNX's padding
cannot say is padded by a Pad before it:

    max           windows without data: padded with the lowest number, which they then give
    sum, lp       the mean of zero-padded data times the size of the window
    avg           the same, times a constant that gives each window its own divisor, where windows reach past the padding or have no data
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from ngc.codegen.onnx.functions import cbrt
from ngc.codegen.onnx.steps import apply_steps, register, stored
from ngc.codegen.onnx.writer import Handler, OnnxWriter, Tensor
from ngc.ir import Node, Value
from ngc.ir.ops.pooling import LOWEST, pool_windows
from ngc.ir.tensor_type import DTYPES
from ngc.passes.step_forms import split_operands


@dataclass(frozen=True)
class _Windows:
    """Where the windows lie: per spatial dimension the size of the data, of a window, its stride, the padding before and after, and `pool_windows`."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    spans: tuple[list[tuple[int, int, int]], ...]

    @classmethod
    def of(cls, node: Node) -> "_Windows":
        """Returns the windows of a pooling."""
        attrs = node.attrs
        sizes: tuple[int, ...] = node.inputs[0].type.shape[2:]  # type: ignore[assignment]  # only the batch has N
        kernel, stride, before = attrs["kernel"], attrs["stride"], attrs["pad"]
        spans = tuple(pool_windows(*spec, attrs["convention"]) for spec in zip(sizes, kernel, stride, before, strict=True))
        after = tuple(max((len(span) - 1) * step + extent - size - pad, 0)
                      for span, step, extent, size, pad in zip(spans, stride, kernel, sizes, before, strict=True))
        return cls(sizes, kernel, stride, before, after, spans)

    @property
    def is_global(self) -> bool:
        """Whether one window covers the data."""
        return self.kernel == self.sizes and not any(self.before + self.after) and all(len(span) == 1 for span in self.spans)

    @property
    def all_have_data(self) -> bool:
        """Whether no window lies in the padding alone, which is also what ONNX Runtime asks for."""
        return all(pad < extent for pads in (self.before, self.after) for pad, extent in zip(pads, self.kernel, strict=True))

    def divisors(self, include_pad: bool) -> np.ndarray:
        """Returns what the sum of each window is divided by; 0 stands for a window whose mean is 0."""
        lengths = [np.array([extent if include_pad else end - start for start, end, extent in span]) for span in self.spans]
        return np.maximum(reduce(np.multiply.outer, lengths), 0)


def _pool(writer: OnnxWriter, windows: _Windows, kind: str, x: Tensor, fill: float = 0.0, **more: Any) -> Tensor:
    """Returns one of ONNX's poolings; what lies in the padding counts as `fill`, which is what the operator itself takes it for."""
    if windows.is_global and kind in ("MaxPool", "AveragePool") and x.dtype in ("f32", "f16"):
        return writer.apply(f"Global{kind}", x)
    before, after = windows.before, windows.after
    if not windows.all_have_data:
        amounts = writer.integers((0, 0, *before, 0, 0, *after))
        x = writer.apply("Pad", x, amounts, writer.number(fill, x.dtype), mode="constant")
        before = after = (0,) * len(before)
    return writer.apply(kind, x, kernel_shape=list(windows.kernel), strides=list(windows.stride), pads=[*before, *after], **more)


def _max(writer: OnnxWriter, value: Value, windows: _Windows) -> Tensor:
    dtype = value.type.dtype
    if dtype in ("u8", "i8"):
        x = writer.operand(value)
        return _pool(writer, windows, "MaxPool", x, float(np.iinfo(DTYPES[dtype]).min))
    if dtype in ("i32", "bool"):
        x = writer.operand(value, "f64")  # which holds them all
        return writer.cast(_pool(writer, windows, "MaxPool", x, float(np.iinfo(np.int32).min)), "i32")
    x = writer.computed(value)
    return _pool(writer, windows, "MaxPool", x, LOWEST)


def _sum(writer: OnnxWriter, windows: _Windows, x: Tensor) -> Tensor:
    mean = _pool(writer, windows, "AveragePool", x, count_include_pad=1)
    size = prod(windows.kernel)
    return mean if size == 1 else writer.apply("Mul", mean, writer.number(size, x.dtype))


def _average(writer: OnnxWriter, node: Node, windows: _Windows, x: Tensor) -> Tensor:
    include_pad = node.attrs["count_include_pad"]
    divisors = windows.divisors(include_pad)
    if (divisors == prod(windows.kernel)).all():
        return _pool(writer, windows, "AveragePool", x, count_include_pad=1)
    if windows.all_have_data and (divisors == windows.divisors(False)).all():
        return _pool(writer, windows, "AveragePool", x, count_include_pad=0)
    mean = _pool(writer, windows, "AveragePool", x, count_include_pad=1)
    factors = np.divide(prod(windows.kernel), divisors, out=np.zeros(divisors.shape), where=divisors > 0).astype(DTYPES[x.dtype])
    return writer.apply("Mul", mean, writer.constant(factors, f"{node.name}.divisors", x.dtype))


def _lp(writer: OnnxWriter, power: int, windows: _Windows, x: Tensor) -> Tensor:
    match power:
        case 1:  # MXNet sums the numbers themselves, not their sizes
            return _sum(writer, windows, x)
        case 2:
            return _pool(writer, windows, "LpPool", x, p=2)
        case _:
            return cbrt(writer, _sum(writer, windows, writer.apply("Mul", writer.apply("Mul", x, x), x)))


def _pooling(writer: OnnxWriter, node: Node) -> Sequence[Tensor]:
    (x,), _, operands = split_operands(node)
    windows = _Windows.of(node)
    match node.attrs["kind"]:
        case "max":
            result = _max(writer, x, windows)
        case "avg":
            result = _average(writer, node, windows, register(writer, x))
        case "sum":
            result = _sum(writer, windows, register(writer, x))
        case _:
            result = _lp(writer, node.attrs["p"], windows, register(writer, x))
    result, tees = apply_steps(writer, node.attrs["epilogue"], operands, result, node.type.rank, 1)
    return stored(writer, node, [result, *tees])


HANDLERS: dict[str, Handler] = {"pool": _pooling}
