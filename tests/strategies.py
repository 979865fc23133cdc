"""Random graphs for property tests: small networks of convolutions, dense layers, pooling, element-wise and data-moving operators.

`graphs()` and `block_graphs()` draw a graph with its weights; `feeds_for(graph)` makes inputs for it. Shapes are small, so that the
reference evaluates in milliseconds.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ngc.ir import Graph, GraphBuilder, Loc, Shape, Step, SymDim, Value
from ngc.ir.random_data import random_feeds
from ngc.ir.tensor_type import DTYPES, bind_shape
from ngc.ir.unary import UNARY

SAFE_UNARY = ("relu", "sigmoid", "tanh", "softrelu", "softsign", "leaky_relu", "elu", "selu", "gelu", "hard_sigmoid", "swish", "abs", "negative",
              "sin", "arctan")
"""Functions that are finite, and of bounded slope, on what random networks hold. Products have one factor below one, so that nothing overflows."""


class Maker:
    """What the strategies share while one graph grows: the draw function, the builder and a seeded generator for weights."""

    def __init__(self, draw: Callable[..., Any], dtype: str, with_steps: bool) -> None:
        self.draw, self.dtype, self.with_steps = draw, dtype, with_steps
        self.builder = GraphBuilder(draw(st.sampled_from(["net", "a/b net", "resnet-18.v2"])))
        self.rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.count = 0

    def weight(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Value:
        """Returns a constant of uniform random numbers."""
        self.count += 1
        array = self.rng.uniform(low, high, shape).astype(DTYPES[self.dtype])
        return self.builder.const(f"w{self.count}", array)

    def op(self, op: str, *inputs: Value, **attrs: Any) -> Value:
        """Appends a node with a source location."""
        self.count += 1
        loc = Loc(f"{op}{self.count}", *(("net-symbol.json", self.count) if self.count % 3 else ()))
        return self.builder.op(op, *inputs, name=f"{op}{self.count}", loc=loc, **attrs)

    def steps(self, channels: int, x: Value, limit: int = 4) -> tuple[tuple[Step, ...], list[Value]]:
        """Draws steps for a result of x's type, with the operands that they read."""
        steps, operands = [], []
        kinds = ["bias", "affine", "prelu", "add", "multiply", "scale", "tee", "relu", "clip", "tanh"]
        for kind in self.draw(st.lists(st.sampled_from(kinds), max_size=limit)):
            if kind in ("bias", "prelu"):
                operands.append(self.weight(channels))
            elif kind == "affine":
                operands += [self.weight(channels, low=0.5), self.weight(channels)]
            elif kind in ("add", "multiply"):
                operands.append(x if kind == "add" else self.op("tanh", x))
            steps.append(Step(kind, {"scale": (0.5, 0.25), "clip": (-1.0, 2.0)}.get(kind, ())))
        return tuple(steps), operands


def _spatial(shape: Shape) -> list[int]:
    return [int(dim) for dim in shape[2:]]  # type: ignore[arg-type]  # only the first dimension is symbolic


def _conv(make: Maker, x: Value) -> Value:
    channels, spatial = int(x.type.shape[1]), _spatial(x.type.shape)  # type: ignore[arg-type]
    rank = len(spatial)
    groups = make.draw(st.sampled_from([divisor for divisor in {1, 2, channels} if channels % divisor == 0]))
    out = groups * make.draw(st.integers(1, 3))
    pad = make.draw(st.integers(0, 1))
    kernel = [make.draw(st.integers(1, min(3, size + 2 * pad))) for size in spatial]
    dilate = [make.draw(st.integers(1, 2)) if 2 * (k - 1) + 1 <= size + 2 * pad else 1 for k, size in zip(kernel, spatial, strict=True)]
    attrs = {"stride": (make.draw(st.integers(1, 2)),) * rank, "pad": (pad,) * rank, "dilate": tuple(dilate), "groups": groups}
    weight = make.weight(out, channels // groups, *kernel)
    name = f"conv{rank}d"
    if not make.with_steps:
        return make.op(name, x, weight, **attrs)
    before = tuple(step for step in (Step("affine"), Step("relu")) if make.draw(st.booleans()))
    operands = [make.weight(channels), make.weight(channels)] if Step("affine") in before else []
    plain = make.op(name, x, weight, **attrs)
    after, more = make.steps(out, plain)
    return make.op(name, x, weight, *operands, *more, **attrs, prologue=before, epilogue=after)


def _deconv(make: Maker, x: Value) -> Value:
    channels, spatial = int(x.type.shape[1]), _spatial(x.type.shape)  # type: ignore[arg-type]
    rank = len(spatial)
    stride = make.draw(st.integers(1, 2))
    adj = make.draw(st.integers(0, stride - 1))
    weight = make.weight(channels, make.draw(st.integers(1, 3)), *(make.draw(st.integers(2, 3)) for _ in spatial))
    return make.op(f"deconv{rank}d", x, weight, stride=(stride,) * rank, adj=(adj,) * rank)


def _pool(make: Maker, x: Value) -> Value:
    spatial = _spatial(x.type.shape)
    kind = make.draw(st.sampled_from(["max", "avg", "sum"]))
    if make.draw(st.booleans()):
        return make.op("pool", x, kind=kind, kernel=spatial, stride=(1,) * len(spatial), pad=(0,) * len(spatial))
    kernel = [make.draw(st.integers(1, min(3, size))) for size in spatial]
    pad = [make.draw(st.integers(0, k // 2)) for k in kernel]
    return make.op("pool", x, kind=kind, kernel=kernel, stride=(make.draw(st.integers(1, 2)),) * len(spatial), pad=pad,
                   convention=make.draw(st.sampled_from(["valid", "full"])), count_include_pad=make.draw(st.booleans()))


def _batch_norm(make: Maker, x: Value) -> Value:
    c = int(x.type.shape[1])  # type: ignore[arg-type]
    return make.op("batch_norm", x, make.weight(c), make.weight(c), make.weight(c), make.weight(c, low=0.5, high=2.0),
                   eps=make.draw(st.sampled_from([1e-3, 1e-5])), fix_gamma=make.draw(st.booleans()))


def _unary(make: Maker, x: Value) -> Value:
    kind = make.draw(st.sampled_from((*SAFE_UNARY, "clip", "identity", "dropout") if not make.with_steps else SAFE_UNARY))
    if kind == "clip":
        return make.op(kind, x, a_min=-0.5, a_max=make.draw(st.sampled_from([1.0, 6.0])))
    return make.op(kind, x, **({} if kind not in UNARY or not UNARY[kind].params or make.draw(st.booleans()) else {UNARY[kind].params[0][0]: 0.125}))


def _prelu(make: Maker, x: Value) -> Value:
    return make.op("prelu", x, make.weight(int(x.type.shape[1]) if make.draw(st.booleans()) else 1))  # type: ignore[arg-type]


def _scalar(make: Maker, x: Value) -> Value:
    return make.op(make.draw(st.sampled_from(["add", "sub", "mul", "maximum", "minimum"])), x, scalar=make.draw(st.sampled_from([0.0, 1.0, -0.5, 3.0])),
                   reverse=make.draw(st.booleans()))


def _binary(make: Maker, x: Value) -> Value:
    partners = [value for value in make.builder.graph.values() if not value.is_const and value.type == x.type]
    kind = make.draw(st.sampled_from(["add", "sub", "mul", "maximum", "minimum"]))
    if make.draw(st.booleans()):
        partner = make.draw(st.sampled_from(partners))
        return make.op(kind, x, make.op("tanh", partner) if kind == "mul" else partner)
    tail = x.type.shape[1:]
    kept = [make.draw(st.booleans()) for _ in tail]
    return make.op(kind, x, make.weight(1, *(int(dim) if keep else 1 for dim, keep in zip(tail, kept, strict=True))))  # type: ignore[arg-type]


def _concat(make: Maker, x: Value) -> Value:
    shape = x.type.shape
    partners = [value for value in make.builder.graph.values() if not value.is_const and value.type.rank == len(shape) and value.type.dtype == x.type.dtype
                and value.type.shape[:1] + value.type.shape[2:] == shape[:1] + shape[2:]]
    others = make.draw(st.lists(st.sampled_from(partners), min_size=1, max_size=2))
    return make.op("concat", x, *others, axis=1)


def _slice(make: Maker, x: Value) -> Value:
    sizes = [int(dim) for dim in x.type.shape[1:]]  # type: ignore[arg-type]
    begin = [make.draw(st.integers(0, size - 1)) for size in sizes]
    step = [make.draw(st.sampled_from([None, 1, 2])) for _ in sizes]
    return make.op("slice", x, begin=(None, *begin), end=(None,) * (len(sizes) + 1), step=(None, *step))


def _pad(make: Maker, x: Value) -> Value:
    widths = (0, 0, 0, 0, *(make.draw(st.integers(0, 1)) for _ in range(2 * (x.type.rank - 2))))
    return make.op("pad", x, widths=widths, mode=make.draw(st.sampled_from(["constant", "edge"])))


def _flatten(make: Maker, x: Value) -> Value:
    return make.op("reshape", x, shape=(x.type.shape[0], prod(int(dim) for dim in x.type.shape[1:])))  # type: ignore[arg-type]


def _transpose(make: Maker, x: Value) -> Value:
    return make.op("transpose", x, axes=(0, *make.draw(st.permutations(range(1, x.type.rank)))))


def _reduce(make: Maker, x: Value) -> Value:
    kind = make.draw(st.sampled_from(["reduce_sum", "reduce_mean", "reduce_max"]))
    axes = sorted(make.draw(st.sets(st.integers(2, x.type.rank - 1), min_size=1)))
    return make.op(kind, x, axes=axes, keepdims=True)


def _softmax(make: Maker, x: Value) -> Value:
    return make.op(make.draw(st.sampled_from(["softmax", "log_softmax"])), x, axis=make.draw(st.sampled_from([1, -1])))


def _lrn(make: Maker, x: Value) -> Value:
    return make.op("lrn", x, size=make.draw(st.sampled_from([1, 3, 5])))


def _upsample(make: Maker, x: Value) -> Value:
    return make.op("upsample", x, scale=(2,) * (x.type.rank - 2))


def _dense(make: Maker, x: Value) -> Value:
    out = make.draw(st.integers(1, 5))
    weight = make.weight(out, int(x.type.shape[-1]))  # type: ignore[arg-type]
    if not make.with_steps:
        return make.op("dense", x, weight)
    plain = make.op("dense", x, weight)
    steps, operands = make.steps(out, plain)
    return make.op("dense", x, weight, *operands, epilogue=steps)


_ANY = (_unary, _scalar, _binary, _concat, _batch_norm, _prelu, _transpose, _softmax, _slice)
_FLAT = (*_ANY, _dense, _dense)
_IMAGE = (*_ANY, _conv, _conv, _conv, _deconv, _pool, _pad, _flatten, _reduce, _lrn, _upsample)


@st.composite
def graphs(draw: Callable[..., Any], *, max_nodes: int = 8, spatial_ranks: tuple[int, ...] = (1, 2, 3), symbolic: bool | None = None, dtype: str = "f32",
           with_steps: bool = False) -> Graph:
    """Draws a graph.

    Args:
        draw: Given by hypothesis.
        max_nodes: How many operators, constants not counted, are chosen at most.
        spatial_ranks: Numbers of spatial dimensions to choose from.
        symbolic: Whether the batch is N; None draws it.
        dtype: Element type of all values.
        with_steps: Whether convolutions and dense layers carry prologues and epilogues, which makes the stage `fused`.
    """
    make = Maker(draw, dtype, with_steps)
    rank = draw(st.sampled_from(spatial_ranks))
    batch = SymDim() if (draw(st.booleans()) if symbolic is None else symbolic) else draw(st.integers(1, 2))
    values = [make.builder.input("data", (batch, draw(st.integers(1, 4)), *(draw(st.integers(2, 5)) for _ in range(rank))), dtype)]
    if draw(st.booleans()):
        values.append(make.builder.input("more", values[0].type.shape, dtype))
    for _ in range(draw(st.integers(1, max_nodes))):
        x = draw(st.sampled_from(values[-3:]))
        if prod(bind_shape(x.type.shape, 1)) > 600:  # keeps the reference fast
            x = values[0]
        values.append(draw(st.sampled_from(_IMAGE if x.type.rank > 2 else _FLAT))(make, x))
    outputs = [value for value in values if not value.uses][-2:]
    if draw(st.booleans()):
        outputs.append(draw(st.sampled_from(values)))
    outputs = list(dict.fromkeys(outputs))
    graph = make.builder.finish(outputs, [f"{value.name}_output" if draw(st.booleans()) else value.name for value in outputs])
    graph.stage = "fused" if with_steps else "imported"
    return graph


@st.composite
def block_graphs(draw: Callable[..., Any], *, max_nodes: int = 12) -> Graph:
    """Draws a graph of convolutions whose channels fill whole vectors, residuals and concats: what shares buffers. Images may be one pixel."""
    make = Maker(draw, "f32", with_steps=False)
    spatial = draw(st.sampled_from([(1, 1), (2, 2), (3, 4), (1,), (5,), (1, 1, 1), (2, 3, 2)]))
    rank = len(spatial)
    channels = st.sampled_from([16, 16, 32, 48, 20])
    batch = draw(st.sampled_from([SymDim(), SymDim(), 2]))
    values = [make.builder.input("data", (batch, draw(st.sampled_from([3, 16, 32])), *spatial))]
    for _ in range(draw(st.integers(3, max_nodes))):
        x = draw(st.sampled_from(values[-3:]))
        size = int(x.type.shape[1])  # type: ignore[arg-type]  # only the batch is symbolic
        kind = draw(st.sampled_from(["conv", "conv", "conv", "add", "add", "concat", "activation", "normalize", "depthwise", "gate"]))
        if kind == "conv":
            kernel, outputs = draw(st.sampled_from([1, 1, 3])), draw(st.sampled_from([size, draw(channels)]))
            bound = (size * kernel**rank) ** -0.5
            weights = make.weight(outputs, size, *(kernel,) * rank, low=-bound, high=bound)
            values.append(make.op(f"conv{rank}d", x, weights, pad=(kernel // 2,) * rank))
        elif kind == "depthwise":
            values.append(make.op(f"conv{rank}d", x, make.weight(size, 1, *(3,) * rank, low=-0.3, high=0.3), pad=(1,) * rank, groups=size))
        elif kind == "add":
            pair = [x, draw(st.sampled_from([value for value in values if value.type == x.type]))]
            values.append(make.op("add", *(reversed(pair) if draw(st.booleans()) else pair)))
        elif kind == "concat":
            parts = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2))
            if size + sum(int(part.type.shape[1]) for part in parts) <= 200:  # type: ignore[arg-type]
                values.append(make.op("concat", x, *parts, axis=1))
        elif kind == "normalize":
            values.append(make.op("relu", _batch_norm(make, x)))
        elif kind == "gate":
            values.append(make.op("mul", x, make.op("sigmoid", x)))
        else:
            values.append(make.op(draw(st.sampled_from(["relu", "tanh", "sigmoid"])), x))
    outputs = [value for value in values if not value.uses]
    outputs += draw(st.lists(st.sampled_from(values), max_size=1))
    outputs += [_flatten(make, value) for value in draw(st.lists(st.sampled_from(values), max_size=1))]
    return make.builder.finish(outputs)


def feeds_for(graph: Graph, *, batch: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Returns seeded random data for every input of a graph, N bound to `batch`."""
    return random_feeds(graph, seed, batch)
