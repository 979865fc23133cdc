"""The algebra of Winograd's minimal filtering F(m, 3): matrices in float64, and the code of one-dimensional transforms.

The m outputs of three taps g on m + 2 inputs d are A^T ((G g) * (B^T d)): polynomials are multiplied by evaluating them at m + 1 points and at infinity.
With M(x) the product of (x - q) over the points q,

    row q of B^T:  coefficients of M(x) / (x - q)        row infinity:  coefficients of M(x)
    row q of G:    (1, q, q^2) / M'(q)                   row infinity:  (0, 0, 1)
    column q of A^T:  1, q, ..., q^(m-1)                 column infinity:  0, ..., 0, 1

The points are 0 and pairs of opposite sign, so that the even and odd powers of a pair are summed once. In two dimensions the transforms are done along
columns, then along rows. The points +-sqrt(2) and +-1/sqrt(2), whose magnitudes are mirrored around one,
keep F(4x4, 3x3) at half the error of the common +-1 and +-2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ngc.codegen.llvm.text import Builder, Value

TAPS = 3
"""The kernel's extent along each dimension."""

SIZES = (2, 4)
"""Outputs along each dimension of a tile."""

_MAGNITUDES = {2: (1.0,), 4: (sqrt(2), sqrt(0.5))}

Matrix = NDArray[np.float64]
Line = Sequence[Value | None]
"""Values along one dimension; None is a zero that is known."""


@dataclass(frozen=True, eq=False)
class Algorithm:
    """F(size, 3) along one dimension; points are numbered 0, +p and -p of each pair, infinity.

    Attributes:
        size: outputs of a tile.
        pairs: number of pairs of points of opposite sign.
        data: B^T, what the inputs of a tile are multiplied by.
        filter: G, what the taps are multiplied by.
        result: A^T, what the products of a tile are multiplied by.
    """

    size: int
    pairs: int
    data: Matrix
    filter: Matrix
    result: Matrix

    @property
    def extent(self) -> int:
        """Inputs of a tile along one dimension, and products."""
        return self.size + TAPS - 1


@lru_cache(maxsize=len(SIZES))
def algorithm(size: int) -> Algorithm:
    """Returns F(size, 3)."""
    if size not in SIZES:
        raise ValueError(f"F({size}, 3) is not among F(m, 3) for m in {SIZES}")
    points = [0.0, *(sign * magnitude for magnitude in _MAGNITUDES[size] for sign in (1.0, -1.0))]
    others = [[q for j, q in enumerate(points) if j != i] for i in range(len(points))]
    data = [[*_coefficients(roots), 0.0] for roots in others] + [[*_coefficients(points)]]
    filters = [np.array([1.0, q, q * q]) / np.prod([q - root for root in roots]) for q, roots in zip(points, others, strict=True)]
    result = [[q**k for k in range(size)] for q in points] + [[float(k == size - 1) for k in range(size)]]
    return Algorithm(size, len(_MAGNITUDES[size]), np.array(data), np.array([*filters, [0.0, 0.0, 1.0]]), np.array(result).T)


def _coefficients(roots: Sequence[float]) -> Matrix:
    """Returns the coefficients of the product of (x - root), without the noise of float64 around multiples of an eighth; others are irrational."""
    values = np.ones(1)
    for root in roots:
        values = np.convolve(values, [-root, 1.0])
    near = np.round(values * 8) / 8
    return np.asarray(np.where(abs(values - near) < 1e-12, near, values), np.float64)


def transform_filter(size: int, taps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns G w G^T of the nine taps (9, ...) of any number of filters as (positions, ...): computed in float64, rounded once."""
    return np.tensordot(_filter_matrix(size), taps.astype(np.float64), 1).astype(np.float32)


@lru_cache(maxsize=len(SIZES))
def _filter_matrix(size: int) -> Matrix:
    """Returns the matrix (positions, 9) that transforms the nine taps of a filter at once."""
    return np.kron(algorithm(size).filter, algorithm(size).filter)


# -- code ---------------------------------------------------------------------------------------------------------


def data_groups(size: int, registers: int) -> tuple[tuple[int, ...], ...]:
    """Returns the rows of B^T in groups whose intermediate values fit the registers; a tile's inputs are loaded for each group again."""
    ends = (0, size + 1)
    pairs = tuple((1 + 2 * i, 2 + 2 * i) for i in range(algorithm(size).pairs))
    if registers >= 32:
        return (tuple(row for pair in pairs for row in pair), ends)
    return (*pairs, *((end,) for end in ends))


def result_groups(size: int, registers: int) -> tuple[tuple[int, ...], ...]:
    """Returns the rows of A^T in groups whose intermediate values fit the registers."""
    if registers >= 32:
        return (tuple(range(size)),)
    return tuple(range(0, size, 2)), tuple(range(1, size, 2))


@dataclass(frozen=True)
class Transforms:
    """Emits one-dimensional transforms; `fused` says whether multiply-adds are one instruction."""

    b: Builder
    size: int
    fused: bool

    def data(self, line: Line, rows: Sequence[int]) -> dict[int, Value | None]:
        """Returns the given rows of B^T times a line of inputs."""
        matrix, results = algorithm(self.size).data, dict[int, Value | None]()
        for row in rows:
            if row in results:
                continue
            if row in (0, self.size + 1):
                results[row] = self._sum([(c, line[i]) for i, c in enumerate(matrix[row])])
                continue
            first = row - (row + 1) % 2  # of the pair: its odd coefficients differ in sign alone
            even = self._sum([(c, line[i]) for i, c in enumerate(matrix[first]) if i % 2 == 0])
            lead = matrix[first][self.size - 1]
            odd = self._sum([(c / lead, line[i]) for i, c in enumerate(matrix[first]) if i % 2])
            results[first] = self._add(even, lead, odd)
            results[first + 1] = self._add(even, -lead, odd)
        return {row: results[row] for row in rows}

    def result(self, line: Line, rows: Sequence[int]) -> dict[int, Value | None]:
        """Returns the given rows of A^T times a line of products."""
        spec = algorithm(self.size)
        sums: dict[tuple[int, int], Value | None] = {}
        results: dict[int, Value | None] = {}
        for row in rows:
            terms: list[tuple[float, Value | None]] = []
            if row == 0:
                terms.append((1.0, line[0]))
            if row == self.size - 1:
                terms.append((1.0, line[-1]))
            for pair in range(spec.pairs):
                key = (pair, row % 2)
                if key not in sums:
                    sums[key] = self._add(line[1 + 2 * pair], -1.0 if row % 2 else 1.0, line[2 + 2 * pair])
                terms.append((float(spec.result[row][1 + 2 * pair]), sums[key]))
            results[row] = self._sum(terms)
        return results

    def _sum(self, terms: Sequence[tuple[float, Value | None]]) -> Value | None:
        """Returns the sum of coefficient times value; it starts with a coefficient of one where there is one."""
        known = [(float(c), value) for c, value in terms if c and value is not None]
        known.sort(key=lambda term: term[0] != 1.0)
        total: Value | None = None
        for coefficient, value in known:
            total = self._add(total, coefficient, value)
        return total

    def _add(self, total: Value | None, coefficient: float, value: Value | None) -> Value | None:
        """Returns total + coefficient * value."""
        b = self.b
        if value is None:
            return total
        if total is None:
            return value if coefficient == 1.0 else b.fbinary("fmul", value, b.constant(value.type, coefficient))
        if abs(coefficient) == 1.0:
            return b.fbinary("fadd" if coefficient > 0 else "fsub", total, value)
        return b.fma(value, b.constant(value.type, coefficient), total, fused=self.fused)
