"""Linear algebra of single matrices. Those that are factored or inverted have a strong diagonal, so that results are about as exact as their elements."""

from bench.differential.case import Case
from bench.differential.maker import Maker, outputs
from bench.differential.strategies.strategy import Strategy

_TYPES = ("float32", "float32", "float64")


def _matrix(make: Maker, *, symmetric: bool = False, batch: tuple[int, ...] | None = None, size: int | None = None) -> tuple[str, int, str]:
    """Returns a matrix with a strong diagonal, or a batch of them, its size and its type."""
    dtype, order = make.pick(*_TYPES), make.pick(1, 2, 3, 5, 8) if size is None else size
    outer = (make.shape(1, 2) if make.chance() else ()) if batch is None else batch
    noise = make.input("A", (*outer, order, order), dtype, low=-1.0, high=1.0, batched=bool(outer))
    if symmetric:
        noise = make.call("_linalg_syrk", noise)
    strong = make.call("_mul_scalar", make.call("_eye", N=order, dtype=dtype), scalar=float(2 * order))
    wide = make.call("Reshape", strong, shape=(*(1 for _ in outer), order, order)) if outer else strong
    return make.call("broadcast_add", noise, wide), order, dtype


def _factor(make: Maker, op: str) -> Case:
    matrix, order, _ = _matrix(make, symmetric=True)
    if op == "_linalg_potri":
        matrix = make.call("_linalg_potrf", matrix)
    return make.case(make.call(op, matrix, lower=True if op == "_linalg_potri" else make.pick(None, True, False)), units=16, terms=order, magnitude=8.0 * order)


def _whole(make: Maker, op: str) -> Case:
    matrix, order, _ = _matrix(make, symmetric=op == "_linalg_sumlogdiag")
    call = make.call(op, matrix)
    count = 2 if op == "_linalg_slogdet" else 1
    # A determinant is a product of as many numbers as the matrix has rows, each with the error of an elimination.
    return make.case(*outputs(call, count), units=64.0 * order, terms=order, magnitude=8.0 * order if op != "_linalg_det" else 0.0)


def _triangular(make: Maker, op: str) -> Case:
    batch = make.shape(1, 1) if make.chance() else ()
    matrix, order, dtype = _matrix(make, batch=batch)
    other, right = make.size(), make.pick(None, False, True)
    shape = (*batch, other, order) if right else (*batch, order, other)
    data = make.input("B", shape, dtype, batched=bool(batch))
    attrs = {"transpose": make.pick(None, False, True), "lower": make.pick(None, True, False), "alpha": make.pick(None, 0.5), "rightside": right}
    return make.case(make.call(op, matrix, data, **attrs), units=32, terms=order, magnitude=8.0 * order if op == "_linalg_trmm" else 2.0)


def _gelqf(make: Maker, op: str) -> Case:
    """The factors have signs that nothing fixes, their product has not."""
    rows = make.pick(1, 2, 3)
    data = make.input("A", (rows, rows + make.pick(0, 1, 4)), make.pick(*_TYPES), batched=False)
    call = make.call(op, data)
    return make.case(make.call("_linalg_gemm2", f"{call}:1", f"{call}:0"), units=16, terms=8, magnitude=32.0)


def _syevd(make: Maker, op: str) -> Case:
    """Of the vectors nothing fixes the signs: the values are compared."""
    matrix, order, _ = _matrix(make, symmetric=True, batch=())
    return make.case(f"{make.call(op, matrix)}:{1 if op == '_linalg_syevd' else 0}", units=32, terms=order, magnitude=16.0 * order)


def _diagonals(make: Maker, op: str) -> Case:
    order = make.pick(1, 2, 3, 5)
    outer = make.shape(1, 2) if make.chance() else ()
    offset = make.pick(None, 0, 1, -1) if order > 1 else None
    lower = {"lower": make.pick(None, True, False)} if op.endswith("trian") and not offset else {}
    size = order
    if op == "_linalg_maketrian":
        size = order * (order + 1) // 2
    shape = (*outer, size, size) if "extract" in op else (*outer, size)
    return make.case(make.call(op, make.input("A", shape, make.pick(*_TYPES), batched=bool(outer)), offset=offset, **lower))


def _polyval(make: Maker, op: str) -> Case:
    dtype = make.pick(*_TYPES)
    powers = make.input("p", (make.pick(1, 2, 3, 4),), dtype, batched=False)
    return make.case(make.call(op, powers, make.input("x", make.shape(1, 3), dtype, batched=False)), units=16, terms=4, magnitude=32.0)


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(("_linalg_potrf", "_linalg_potri"), _factor),
    **dict.fromkeys(("_linalg_inverse", "_linalg_det", "_linalg_slogdet", "_linalg_sumlogdiag"), _whole),
    **dict.fromkeys(("_linalg_trmm", "_linalg_trsm"), _triangular),
    "_linalg_gelqf": _gelqf,
    **dict.fromkeys(("_linalg_syevd", "_npi_eigh", "_npi_eigvalsh"), _syevd),
    **dict.fromkeys(("_linalg_extractdiag", "_linalg_makediag", "_linalg_extracttrian", "_linalg_maketrian"), _diagonals),
    "_npi_polyval": _polyval,
}
