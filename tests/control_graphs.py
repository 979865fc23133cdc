"""Random graphs of loops and conditionals within one another.

Every value is a tensor of small whole numbers, which sums, extrema and clips keep, so that any order of computing gives the same bits and predicates never
depend on rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ngc.ir import Graph, GraphBuilder, Shape, SymDim, Value
from ngc.ir.random_data import random_feeds

LIMIT = 100.0
"""Values are kept within it, so sums of a few are exact in f32."""

DEPTH = 2
"""How deep regions nest."""


@dataclass
class _Maker:
    draw: Callable[..., Any]
    shape: Shape
    numbers: Any = field(default_factory=count)

    def fresh(self, kind: str) -> str:
        return f"{kind}{next(self.numbers)}"

    def pick(self, values: list[Value]) -> Value:
        return self.draw(st.sampled_from(values))

    def compute(self, b: GraphBuilder, pool: list[Value], depth: int) -> None:
        """Adds a few values to those that a graph has."""
        for _ in range(self.draw(st.integers(1, 3))):
            kinds = ["add", "sub", "maximum", "negative", "const", *(["loop", "while", "cond"] if depth else [])]
            match self.draw(st.sampled_from(kinds)):
                case "negative":
                    pool.append(b.op("negative", self.pick(pool), name=self.fresh("n")))
                case "const":
                    numbers = np.arange(np.prod([1 if isinstance(dim, SymDim) else dim for dim in self.shape]), dtype=np.float32) % 5 - 2
                    whole = numbers.reshape([1 if isinstance(dim, SymDim) else dim for dim in self.shape])
                    pool.append(b.op("add", self.pick(pool), b.const(self.fresh("c"), whole), name=self.fresh("a")))
                case "loop":
                    pool += self.loop(b, pool, depth - 1)
                case "while":
                    pool += self.loop(b, pool, depth - 1, conditional=True)
                case "cond":
                    pool += self.cond(b, pool, depth - 1)
                case op:
                    total = b.op(op, self.pick(pool), self.pick(pool), name=self.fresh(op))
                    pool.append(b.op("clip", total, a_min=-LIMIT, a_max=LIMIT, name=self.fresh("clip")))

    def predicate(self, b: GraphBuilder, pool: list[Value]) -> Value:
        """Returns one number that depends on a value's."""
        value = b.op("reduce_max", self.pick(pool), axes=tuple(range(len(self.shape))), keepdims=False, name=self.fresh("top"))
        return b.op("lesser", b.op("reshape", value, shape=(1,), name=self.fresh("one")), scalar=float(self.draw(st.integers(-3, 12))), name=self.fresh("p"))

    def loop(self, b: GraphBuilder, pool: list[Value], depth: int, *, conditional: bool = False) -> list[Value]:
        """Appends a loop and returns values of the common shape that come of it."""
        steps, carried, captured = self.draw(st.integers(1, 4)), self.draw(st.integers(int(conditional), 3)), self.draw(st.integers(0, 2))
        scanned = self.draw(st.integers(0 if carried + captured else 1, 2))
        initial = [self.pick(pool) for _ in range(carried)]
        outer = [self.pick(pool) for _ in range(captured)]
        rows = [self.stack(b, [self.pick(pool) for _ in range(steps)]) for _ in range(scanned)]
        body = GraphBuilder(self.fresh("body"))
        inputs = [body.input(f"i{number}", self.shape) for number in range(carried + scanned + captured)]
        inside = list(inputs)
        self.compute(body, inside, depth)
        stacked = self.draw(st.integers(0 if carried else 1, 2))
        regions = [body.finish([self.pick(inside) for _ in range(carried + stacked)], [f"o{number}" for number in range(carried + stacked)])]
        if conditional:
            test = GraphBuilder(self.fresh("condition"))
            seen = [test.input(f"i{number}", self.shape) for number in range(carried + captured)]
            regions.append(test.finish([self.predicate(test, seen)], ["holds"]))
        results = b.region_op("loop", [*initial, *rows, *outer], regions, self.fresh("loop"), carried=carried, scanned=scanned, steps=steps)
        axes = {"axes": (0,), "keepdims": False}
        return [*results[:carried], *(b.op("reduce_max", stack, name=self.fresh("rows"), **axes) for stack in results[carried:])]

    def stack(self, b: GraphBuilder, values: list[Value]) -> Value:
        rows = [b.op("reshape", value, shape=(1, *self.shape), name=self.fresh("row")) for value in values]
        return b.op("concat", *rows, axis=0, name=self.fresh("stack"))

    def cond(self, b: GraphBuilder, pool: list[Value], depth: int) -> list[Value]:
        """Appends a conditional and returns its results."""
        outer = [self.pick(pool) for _ in range(self.draw(st.integers(1, 3)))]
        results = self.draw(st.integers(1, 2))
        regions = []
        for role in ("then", "else"):
            part = GraphBuilder(self.fresh(role))
            inside = [part.input(f"i{number}", self.shape) for number in range(len(outer))]
            self.compute(part, inside, depth)
            regions.append(part.finish([self.pick(inside) for _ in range(results)], [f"o{number}" for number in range(results)]))
        return list(b.region_op("cond", [self.predicate(b, pool), *outer], regions, self.fresh("cond")))


@st.composite
def control_graphs(draw: Any) -> Graph:
    """Returns a graph of two inputs with at least one loop."""
    make = _Maker(draw, draw(st.sampled_from([(2, 5), (1, 17)])))
    b = GraphBuilder("control")
    pool = [b.input("x", make.shape), b.input("y", make.shape)]
    make.compute(b, pool, DEPTH)
    pool += make.loop(b, pool, DEPTH - 1, conditional=draw(st.booleans()))
    outputs = list(dict.fromkeys(make.pick(pool[2:]) for _ in range(3)))
    return b.finish([*dict.fromkeys([*outputs, pool[-1]])])


def whole_feeds(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Returns small whole numbers for all inputs."""
    return {name: np.rint(4 * array) for name, array in random_feeds(graph, seed).items()}
