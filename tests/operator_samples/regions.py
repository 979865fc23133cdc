"""Samples of: loops and conditionals."""

from ngc.ir import Graph, GraphBuilder, Value
from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample


def _region(name: str, inputs: int, op: str) -> Graph:
    b = GraphBuilder(name)
    values = [b.input(f"v{number}", (2,)) for number in range(inputs)]
    return b.finish([b.op(op, *values[:2 if op == "add" else 1], name=f"{name}.{op}")])


def _loop(b: GraphBuilder) -> Value:
    return b.region_op("loop", [b.input("s", (2,)), b.input("x", (3, 2))], [_region("body", 2, "add")], "loop", carried=1, scanned=1, steps=3)[0]


def _cond(b: GraphBuilder) -> Value:
    return b.region_op("cond", [b.input("p", (1,)), b.input("x", (2,))], [_region("then", 1, "relu"), _region("else", 1, "negative")], "cond")[0]


ONNX: dict[str, OnnxSample] = {"loop": _loop, "cond": _cond}

STABLEHLO: list[StableHloSample] = []

TENSORRT: tuple[Sample, ...] = ()
