"""Small networks with seeded weights, and the check that a pipeline keeps their numbers."""

from typing import Any

import numpy as np

from ngc.ir import Dim, Graph, GraphBuilder, SymDim, Value, evaluate
from ngc.ir.random_data import random_feeds
from ngc.passes import PassManager

EPS = float(np.finfo(np.float32).eps)


class Net:
    """A builder that makes weights up as layers ask for them."""

    def __init__(self, dtype: str = "f32") -> None:
        self.b = GraphBuilder("net")
        self.dtype = dtype
        self.rng = np.random.default_rng(7)

    def input(self, *shape: Dim, name: str = "data") -> Value:
        """Adds an input of batch N."""
        return self.b.input(name, (SymDim(), *shape), self.dtype)

    def const(self, name: str, *shape: int, low: float = -1.0, high: float = 1.0) -> Value:
        """Adds a constant of uniform random numbers."""
        dtype = {"f32": np.float32, "f64": np.float64, "f16": np.float16}[self.dtype]
        return self.b.const(name, self.rng.uniform(low, high, shape).astype(dtype))

    def op(self, op: str, *inputs: Value, **attrs: Any) -> Value:
        """Appends a node."""
        return self.b.op(op, *inputs, **attrs)

    def conv(self, x: Value, outputs: int, kernel: int = 1, *, name: str = "conv", weights: Value | None = None, bias: bool = False, groups: int = 1,
             **attrs: Any) -> Value:
        """Appends a convolution over as many dimensions as x has."""
        rank = x.type.rank - 2
        w = weights or self.const(f"{name}_weight", outputs, int(x.type.shape[1]) // groups, *(kernel,) * rank)  # type: ignore[arg-type]
        attrs = {key: (value,) * rank if isinstance(value, int) else value for key, value in attrs.items()}
        more = [self.const(f"{name}_bias", outputs)] if bias else []
        steps = {"epilogue": (_step("bias"),)} if bias else {}
        return self.op(f"conv{rank}d", x, w, *more, name=name, groups=groups, **{**steps, **attrs})

    def deconv(self, x: Value, outputs: int, kernel: int = 2, *, name: str = "deconv", groups: int = 1, **attrs: Any) -> Value:
        """Appends a deconvolution."""
        rank = x.type.rank - 2
        w = self.const(f"{name}_weight", int(x.type.shape[1]), outputs // groups, *(kernel,) * rank)  # type: ignore[arg-type]
        attrs = {key: (value,) * rank if isinstance(value, int) else value for key, value in attrs.items()}
        return self.op(f"deconv{rank}d", x, w, name=name, groups=groups, **attrs)

    def dense(self, x: Value, outputs: int, *, name: str = "dense") -> Value:
        """Appends a dense layer without bias."""
        return self.op("dense", x, self.const(f"{name}_weight", outputs, int(x.type.shape[-1])), name=name)  # type: ignore[arg-type]

    def batch_norm(self, x: Value, *, name: str = "bn", axis: int = 1, **attrs: Any) -> Value:
        """Appends a batch_norm with parameters in their usual ranges."""
        channels = int(x.type.shape[axis])  # type: ignore[arg-type]
        parameters = [self.const(f"{name}_gamma", channels, low=0.5, high=1.5), self.const(f"{name}_beta", channels),
                      self.const(f"{name}_mean", channels), self.const(f"{name}_var", channels, low=0.5, high=2.0)]
        return self.op("batch_norm", x, *parameters, name=name, axis=axis, **{"fix_gamma": False, **attrs})

    def finish(self, *outputs: Value) -> Graph:
        """Returns the graph."""
        return self.b.finish(outputs)


def _step(kind: str) -> Any:
    from ngc.ir import Step

    return Step(kind)


def run(graph: Graph, pipeline: str, tolerance: float = 0.0) -> Graph:
    """Runs a pipeline with verification and asserts that outputs moved by no more than `tolerance` times their largest value; 0 means not at all."""
    feeds = random_feeds(graph, 3, 2)
    before = evaluate(graph, feeds)
    PassManager(pipeline).run(graph)
    for was, now in zip(before, evaluate(graph, feeds), strict=True):
        assert now.shape == was.shape
        assert now.dtype == was.dtype
        if tolerance == 0:
            np.testing.assert_array_equal(now, was)
        else:
            assert np.abs(now - was).max(initial=0) <= tolerance * np.abs(was).max(initial=0)
    return graph


def ops(graph: Graph) -> list[str]:
    """Returns the operators in order, constants left out."""
    return [node.op for node in graph if node.op != "const"]


def steps(graph: Graph, name: str, attr: str = "epilogue") -> list[str]:
    """Returns the kinds of a node's steps, the node given by the name of a result."""
    producer = graph.find(name).producer
    assert producer is not None
    return [step.kind for step in producer.attrs[attr]]


def fired(graph: Graph, rule: str) -> int:
    """Returns how often a rule was applied."""
    return sum(event.rule == rule and event.status == "applied" for event in graph.events)


def refusals(graph: Graph, rule: str) -> list[str]:
    """Returns the reasons why a rule refused, in order."""
    return [event.reason for event in graph.events if event.rule == rule and event.status == "refused"]
