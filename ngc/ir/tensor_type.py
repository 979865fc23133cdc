"""Types of values: dimensions, layouts, quantization and `TensorType` itself.

A dimension is an int or a multiple of the run-time batch N (`SymDim`). Shapes are always logical (N, C, spatial...); how the elements
lie in memory is the `Layout`'s matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from ngc.errors import VerifyError

DTYPES: dict[str, np.dtype] = {
    "f32": np.dtype("float32"), "f64": np.dtype("float64"), "f16": np.dtype("float16"),
    "u8": np.dtype("uint8"), "i8": np.dtype("int8"), "i32": np.dtype("int32"), "i64": np.dtype("int64"), "bool": np.dtype("bool"),
}
"""IR dtype names and the numpy dtypes that hold them; `bf16` has none and is held as its f32 values."""

DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
MOST_RANK = 32
"""What numpy holds, which constants and feeds come in."""

MOST_SIZE = 1 << 48
"""Of a dimension: what addresses of x86-64 and AArch64 tell apart."""

MOST_BYTES = 1 << 39
"""Of a tensor (for N = 1): half a TiB, more than machines have for one and little enough that offsets and sums of a few sizes fit words of 64 bits."""

FLOATS = frozenset({"f32", "f64", "f16", "bf16"})


@dataclass(frozen=True)
class SymDim:
    """A dimension of `factor` times the run-time batch N."""

    factor: int = 1

    def __mul__(self, other: int) -> "SymDim":
        return SymDim(self.factor * other)

    __rmul__ = __mul__

    def __floordiv__(self, other: "int | SymDim") -> "int | SymDim":
        divisor = other.factor if isinstance(other, SymDim) else other
        if divisor == 0 or self.factor % divisor:
            raise VerifyError(f"cannot divide the dimension {self} by {other}: the result is not a multiple of N")
        return self.factor // divisor if isinstance(other, SymDim) else SymDim(self.factor // divisor)

    def __add__(self, other: "int | SymDim") -> "SymDim":
        if isinstance(other, SymDim):
            return SymDim(self.factor + other.factor)
        if other == 0:
            return self
        raise VerifyError(f"the dimension {self} + {other} is not a multiple of N; compile with a fixed batch instead")

    __radd__ = __add__

    def __str__(self) -> str:
        return "N" if self.factor == 1 else f"{self.factor}*N"


Dim = int | SymDim
Shape = tuple[Dim, ...]


def bind(dim: Dim, batch: int) -> int:
    """Returns the dimension's value for a batch of `batch`."""
    return dim.factor * batch if isinstance(dim, SymDim) else dim


def bind_shape(shape: Iterable[Dim], batch: int) -> tuple[int, ...]:
    """Returns the shape with N replaced by `batch`."""
    return tuple(bind(dim, batch) for dim in shape)


def product(dims: Iterable[Dim]) -> Dim:
    """Returns the product of dimensions, of which at most one may depend on N."""
    result: Dim = 1
    for dim in dims:
        if isinstance(result, SymDim) and isinstance(dim, SymDim):
            raise VerifyError("two dimensions that depend on N are multiplied; compile with a fixed batch instead")
        result = result * dim  # type: ignore[operator]  # int * SymDim is SymDim.__rmul__
    return result


def check_size(type: "TensorType") -> None:
    """Refuses what is no size, and what no machine holds, before anybody computes offsets in it or allocates it; N counts as 1.

    Raises:
        VerifyError: there are more than `MOST_RANK` dimensions, one is below 0 or above `MOST_SIZE`, or the elements take more than `MOST_BYTES`.
    """
    if type.rank > MOST_RANK:
        raise VerifyError(f"a tensor has at most {MOST_RANK} dimensions, not {type.rank}")
    factors = [dim.factor if isinstance(dim, SymDim) else dim for dim in type.shape]
    if min(factors, default=0) < 0:
        raise VerifyError(f"{type} has the dimension {min(factors)}; a dimension is a whole number or a positive multiple of N")
    if max(factors, default=0) > MOST_SIZE:
        raise VerifyError(f"{type} has a dimension above {MOST_SIZE}")
    size = prod(factors) * type.itemsize
    if size > MOST_BYTES:
        raise VerifyError(f"{type} takes {size} bytes; a tensor takes at most {MOST_BYTES}")


def format_shape(shape: Iterable[Dim]) -> str:
    """Returns `(N, 3, 224, 224)`, the form of messages."""
    dims = [str(dim) for dim in shape]
    return "(" + ", ".join(dims) + ("," if len(dims) == 1 else "") + ")"


@dataclass(frozen=True)
class Layout:
    """How a tensor's elements lie in memory.

    `block` 0 is plain row-major order. A block b >= 1 is [N][ceil(C/b)][spatial with halo][b]; the padding lanes of the last channel block are
    zero, and the halo, (before, after) per spatial dimension, holds `fill`.
    """

    block: int = 0
    halo: tuple[tuple[int, int], ...] = ()
    fill: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether elements lie in row-major order without padding."""
        return self.block == 0

    def __str__(self) -> str:
        parts = [f"c{self.block}"]
        if self.halo:
            parts.append("halo=[" + ",".join(str(side) for pair in self.halo for side in pair) + "]")
        if self.fill:
            parts.append(f"fill={self.fill!r}")
        return "<" + " ".join(parts) + ">"


PLAIN = Layout()


@dataclass(frozen=True)
class Quant:
    """How integers stand for reals: real = (q - zero_point) * scale, per tensor or per channel along `axis`."""

    scale: tuple[float, ...]
    zero_point: int = 0
    axis: int | None = None

    def real(self, array: np.ndarray) -> np.ndarray:
        """Returns the reals that an array of integers stands for, in single precision."""
        shape = [1] * array.ndim
        if self.axis is not None:
            shape[self.axis] = -1
        centred = array.astype(np.float32) - np.float32(self.zero_point)
        return np.asarray(centred * np.array(self.scale, np.float32).reshape(shape if self.axis is not None else ()))


@dataclass(frozen=True)
class TensorType:
    """Shape, element type, layout and quantization of one value."""

    shape: Shape
    dtype: str = "f32"
    layout: Layout = field(default=PLAIN)
    quant: Quant | None = None

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element in the memory of a run."""
        return DTYPES[self.dtype].itemsize if self.dtype in DTYPES else 2

    def with_shape(self, shape: Iterable[Dim]) -> "TensorType":
        """Returns a plain type of this dtype with another shape."""
        return TensorType(tuple(shape), self.dtype, PLAIN, self.quant)

    def with_layout(self, layout: Layout) -> "TensorType":
        """Returns the type with another layout."""
        return replace(self, layout=layout)

    @property
    def logical(self) -> "TensorType":
        """The type without its layout: what inference computes."""
        return self if self.layout is PLAIN else replace(self, layout=PLAIN)

    def __str__(self) -> str:
        text = f"{self.dtype}[{','.join(map(str, self.shape))}]"
        if not self.layout.is_plain:
            text += str(self.layout)
        if self.quant is not None:
            scales = ",".join(repr(scale) for scale in self.quant.scale)
            axis = "" if self.quant.axis is None else f" axis={self.quant.axis}"
            text += f"<q scale=[{scales}] zero_point={self.quant.zero_point}{axis}>"
        return text
