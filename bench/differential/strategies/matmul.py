"""Products of matrices that are data, and attention."""

from bench.differential.case import Case
from bench.differential.maker import Maker
from bench.differential.strategies.strategy import Strategy

_TYPES = ("float32", "float32", "float32", "float64")


def _sizes(make: Maker, count: int) -> tuple[int, ...]:
    return tuple(make.size(17) for _ in range(count))


def _flags(make: Maker) -> tuple[bool | None, bool | None]:
    return make.pick(None, False, True), make.pick(None, False, True)


def _dot(make: Maker, op: str) -> Case:
    first, last = _flags(make)
    depth, dtype = make.size(17), make.pick(*_TYPES)
    rows, columns = make.shape(1, 2) if make.chance() else (make.size(),), make.shape(1, 2) if make.chance() else (make.size(),)
    if make.integer(0, 7) == 7:
        rows = columns = ()
        first = last = None
    left = (depth, *rows) if first else (*rows, depth)
    right = (*columns, depth) if last else (depth, *columns)
    inputs = make.input("lhs", left, dtype, batched=not first and bool(rows)), make.weight("rhs", right, dtype)
    return make.case(make.call(op, *inputs, transpose_a=first, transpose_b=last), terms=depth, magnitude=2.0 * depth)


def _matrices(make: Maker, least: int) -> tuple[tuple[int, ...], int, int, int]:
    """Returns (batch dimensions, rows, columns, depth)."""
    batch = make.shape(least, 2) if least or make.chance() else ()
    return batch, *_sizes(make, 3)  # type: ignore[return-value]  # three sizes


def _batch_dot(make: Maker, op: str) -> Case:
    first, last = _flags(make)
    batch, rows, columns, depth = _matrices(make, 1)
    dtype = make.pick(*_TYPES)
    left = make.input("lhs", (*batch, depth, rows) if first else (*batch, rows, depth), dtype)
    right = make.input("rhs", (*batch, columns, depth) if last else (*batch, depth, columns), dtype)
    return make.case(make.call(op, left, right, transpose_a=first, transpose_b=last), terms=depth, magnitude=4.0 * depth)


def _gemm(make: Maker, op: str) -> Case:
    first, last = _flags(make)
    batch, rows, columns, depth = _matrices(make, 0)
    dtype = make.pick("float32", "float32", "float64")
    rank = len(batch) + 2
    axis = make.pick(None, -2, make.integer(0, rank - 2)) if batch else make.pick(None, -2, 0)
    place = rank - 2 if axis is None else axis % rank

    def shape(height: int, width: int) -> tuple[int, ...]:
        return (*batch[:place], height, *batch[place:], width)

    alpha, beta = make.pick(None, 1.0, 0.5, -2.0), make.pick(None, 1.0, 0.25)
    inputs = [make.input("A", shape(depth, rows) if first else shape(rows, depth), dtype, batched=bool(batch) and place > 0),
              make.input("B", shape(columns, depth) if last else shape(depth, columns), dtype, batched=bool(batch) and place > 0)]
    attrs = {"transpose_a": first, "transpose_b": last, "alpha": alpha, "axis": axis}
    if op == "_linalg_gemm":
        inputs.append(make.input("C", shape(rows, columns), dtype, batched=bool(batch) and place > 0))
        attrs["beta"] = beta
    return make.case(make.call(op, *inputs, **attrs), terms=depth + 1, magnitude=8.0 * depth + 2)


def _syrk(make: Maker, op: str) -> Case:
    batch, rows, depth, _ = _matrices(make, 0)
    data = make.input("A", (*batch, rows, depth), make.pick("float32", "float32", "float64"), batched=bool(batch))
    call = make.call(op, data, transpose=make.pick(None, False, True), alpha=make.pick(None, 0.5, -2.0))
    return make.case(call, terms=max(rows, depth), magnitude=8.0 * max(rows, depth))


def _div_sqrt_dim(make: Maker, op: str) -> Case:
    return make.case(make.call(op, make.input("data", make.shape(), make.pick("float32", "float32", "float64", "float16"))))


def _attention(make: Maker, op: str) -> Case:
    """Draws the sizes of the interleaved operators: steps of the queries and keys, batch, heads and the size of a head."""
    steps, keys, batch = make.size(), make.size(), make.pick(1, 2, 3)
    heads, depth = make.pick(1, 2, 4), make.pick(1, 2, 5, 8)
    own, scores = op.endswith("_qk"), "selfatt" in op
    keys = steps if scores else keys
    parts = 3 if scores else 2
    mixed = make.input("mixed", (keys, batch, heads * parts * depth), batched=False)
    if own:
        inputs = [mixed] if scores else [make.input("queries", (steps, batch, heads * depth), batched=False), mixed]
    else:
        inputs = [mixed, make.input("attention", (batch * heads, steps, keys), low=0.0, high=1.0, batched=False)]
    terms = depth if own else keys
    return make.case(make.call(op, *inputs, heads=heads), terms=terms, magnitude=4.0 * terms)


STRATEGIES: dict[str, Strategy] = {
    "dot": _dot,
    "batch_dot": _batch_dot,
    "_linalg_gemm": _gemm,
    "_linalg_gemm2": _gemm,
    "_linalg_syrk": _syrk,
    "_contrib_div_sqrt_dim": _div_sqrt_dim,
    **{f"_contrib_interleaved_matmul_{name}": _attention for name in ("selfatt_qk", "selfatt_valatt", "encdec_qk", "encdec_valatt")},
}
