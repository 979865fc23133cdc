"""One node or more of every operator that StableHLO has a form for, together using all that its row in the table promises."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ngc.ir import Graph, GraphBuilder, TensorType
from ngc.ir.ops.elementwise import BINARY
from ngc.ir.ops.reduce import REDUCTIONS
from ngc.ir.tensor_type import DTYPES
from ngc.ir.unary import INTEGER_EXACT, UNARY
from tests.operator_samples import FAMILIES

Types = Sequence[tuple[tuple[int, ...], str]]

DOMAINS = {"log": (1e-3, 10), "log10": (1e-3, 10), "log2": (1e-3, 10), "sqrt": (0, 10), "rsqrt": (1e-3, 10), "log1p": (-0.9, 10), "arcsin": (-1, 1),
           "arccos": (-1, 1), "arctanh": (-0.9, 0.9), "arccosh": (1, 10), "erfinv": (-0.99, 0.99), "gammaln": (3, 20), "rcbrt": (0.01, 10),
           "reciprocal": (0.01, 10), "tan": (-1.5, 1.5), "power": (0.1, 3), "batch_norm": (0.5, 2)}
"""Where functions are finite and well conditioned; elsewhere numbers lie between -4 and 4."""

_IMAGE = ((2, 3, 5, 4), "f32")


def node_graph(op: str, types: Types, attrs: dict[str, Any]) -> Graph:
    """Returns a graph of one node whose operands are inputs."""
    builder = GraphBuilder(op)
    inputs = [builder.input(f"x{number}", shape, dtype) for number, (shape, dtype) in enumerate(types)]
    node = builder.op(op, *inputs, name="node", **attrs)
    graph = builder.finish(node.producer.outputs if node.producer is not None else [node])
    graph.stage = next(stage for stage in ("canonical", "imported", "fused") if all(stage in item.definition.stages for item in graph.nodes))
    return graph


def feeds(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Returns random data for a graph of one node, from where its operator is well conditioned."""
    rng = np.random.default_rng(seed)
    low, high = DOMAINS.get(graph.nodes[-1].op, (-4, 4))
    return {name: random_array(rng, value.type, low, high) for value, name in zip(graph.inputs, graph.input_names, strict=True)}


def random_array(rng: np.random.Generator, type: TensorType, low: float = -4, high: float = 4) -> np.ndarray:
    """Returns data of a type: uniform floats, or integers of the whole range of eight bits and small ones of more."""
    shape = tuple(int(dim) for dim in type.shape)  # type: ignore[arg-type]
    if type.dtype in ("f32", "f16", "bf16"):
        array = rng.uniform(low, high, shape).astype(DTYPES.get(type.dtype, np.float32))
        return (array.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32) if type.dtype == "bf16" else array
    if type.dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(DTYPES[type.dtype])
    return rng.integers(max(limits.min, -300), min(limits.max, 300) + 1, shape).astype(DTYPES[type.dtype])


def _ints(*dtypes: str) -> list[tuple[tuple[int, ...], str]]:
    return [((3, 4), dtype) for dtype in dtypes]


def _unary() -> list[tuple[str, Types, dict[str, Any]]]:
    samples: list[tuple[str, Types, dict[str, Any]]] = []
    for name in UNARY:
        if name == "gamma":
            continue
        attrs = {"a_min": -1.5, "a_max": 2.5} if name == "clip" else {}
        dtypes = ("f32", "f16", "bf16", *(("u8", "i8", "i32") if name in INTEGER_EXACT else ()))
        samples += [(name, [((4, 33), dtype)], attrs) for dtype in dtypes]
    return samples


def _binary() -> list[tuple[str, Types, dict[str, Any]]]:
    samples: list[tuple[str, Types, dict[str, Any]]] = []
    for name in BINARY:
        samples += [(name, [((2, 3, 4), "f32"), ((3, 1), "f32")], {}), (name, [((2, 5), "f32")], {"scalar": 1.5, "reverse": True}),
                    (name, [((1, 5), "bf16"), ((2, 5), "bf16")], {}), (name, [((2, 5), "f16")], {"scalar": 0.1})]
        if name not in ("power", "hypot"):
            samples += [(name, [((2, 9), dtype), ((2, 9), dtype)], {}) for dtype in ("u8", "i8", "i32")]
            samples.append((name, [((2, 9), "i32")], {"scalar": 2.7}))
        if name.startswith("logical_") or name in ("equal", "lesser"):
            samples.append((name, [((3, 4), "bool"), ((3, 4), "bool")], {}))
    return samples


def _reductions() -> list[tuple[str, Types, dict[str, Any]]]:
    samples: list[tuple[str, Types, dict[str, Any]]] = []
    for name in REDUCTIONS:
        dtypes = ("f32", "f16", "bf16") + (() if name == "reduce_l2" else ("u8", "i8")) + (() if name in ("reduce_l2", "reduce_mean") else ("i32",))
        samples += [(name, [((3, 4, 2), dtype)], {"axes": (0, 2), "keepdims": dtype == "f32"}) for dtype in dtypes]
    return samples


def _pool(**attrs: Any) -> dict[str, Any]:
    return {"kernel": (3, 2), "stride": (2, 2), "pad": (1, 0), "convention": "full", **attrs}


SAMPLES: list[tuple[str, Types, dict[str, Any]]] = [
    *_unary(), *_binary(), *_reductions(),
    *((op, [_IMAGE], {}) for op in ("identity", "dropout")),
    ("eltwise", [_IMAGE], {}),
    ("conv1d", [((2, 3, 5), "f32"), ((4, 3, 2), "f32")], {}), ("conv1d", [((2, 3, 5), "u8"), ((4, 3, 2), "i8")], {"x_zero": 7, "result": "f32", "pad": (1,)}),
    ("conv2d", [_IMAGE, ((6, 1, 3, 2), "f32")], {"groups": 3}), ("conv2d", [((1, 3, 4, 4), "u8"), ((2, 3, 3, 3), "i8")], {"result": "f32", "x_zero": 128}),
    ("conv3d", [((1, 2, 3, 3, 3), "f32"), ((2, 2, 2, 2, 2), "f32")], {}),
    ("conv3d", [((1, 2, 3, 3, 3), "u8"), ((2, 2, 2, 2, 2), "i8")], {"result": "f32", "x_zero": 3}),
    ("deconv1d", [((2, 3, 5), "f32"), ((3, 4, 2), "f32")], {"stride": (2,), "dilate": (2,)}),
    ("deconv2d", [_IMAGE, ((3, 2, 3, 3), "f32")], {"groups": 3, "adj": (1, 0), "stride": (2, 1), "dilate": (1, 3)}),
    ("deconv3d", [((1, 2, 3, 3, 3), "f32"), ((2, 2, 2, 2, 2), "f32")], {"stride": (1, 2, 1), "dilate": (2, 1, 1)}),
    ("separable_conv2d", [_IMAGE, ((3, 1, 3, 3), "f32"), ((5, 3, 1, 1), "f32")], {"groups": 3, "pad": (1, 1)}),
    ("dense", [((3, 4, 7), "f32"), ((5, 7), "f32")], {}), ("dense", [((3, 7), "u8"), ((5, 7), "i8")], {"x_zero": 100, "result": "f32"}),
    ("batch_norm", [_IMAGE, *[((3,), "f32")] * 4], {"fix_gamma": False}), ("batch_norm", [((2, 3), "f32"), *[((3,), "f32")] * 4], {}),
    ("group_norm", [((2, 6, 3, 4), "f32"), ((6,), "f32"), ((6,), "f32")], {"groups": 3}),
    ("group_norm", [((2, 6, 3), "f16"), ((6,), "f16"), ((6,), "f16")], {"groups": 6, "eps": 1e-3}),
    ("lrn", [_IMAGE], {"size": 3}), ("lrn", [((2, 3, 5), "bf16")], {"size": 5, "beta": 0.5}),
    *((op, [((2, 3, 5), dtype)], attrs) for op in ("softmax", "log_softmax")
      for dtype, attrs in (("f32", {"axis": 1, "temperature": 2.0}), ("f16", {}), ("bf16", {"axis": -2}))),
    *(("pool", [_IMAGE], _pool(kind=kind)) for kind in ("max", "avg", "sum")),
    *(("pool", [((1, 2, 5, 4), "f32")], _pool(kind="lp", p=p)) for p in (1, 2, 3)),
    ("pool", [((1, 2, 5, 4), "f16")], _pool(kind="max")), ("pool", [((1, 2, 5, 4), "u8")], _pool(kind="max")),
    ("pool", [((1, 2, 5, 4), "i32")], _pool(kind="max")), ("pool", [((1, 2, 5, 4), "u8")], _pool(kind="avg", result="f32")),
    ("prelu", [_IMAGE, ((3,), "f32")], {}), ("prelu", [_IMAGE, ((1,), "f32")], {}), ("prelu", [((2, 3), "f16"), ((3,), "f16")], {}),
    ("where", [((2, 3), "f32"), ((2, 3), "i32"), ((2, 3), "i32")], {}), ("where", [((2,), "bool"), ((2, 3), "f16"), ((2, 3), "f16")], {}),
    *(("cast", [((3, 40), source)], {"dtype": dtype}) for source in ("f32", "f16", "bf16", "i32", "u8", "i8", "bool")
      for dtype in ("f32", "f16", "bf16", "i32", "u8", "i8", "bool")),
    ("reshape", [_IMAGE], {"shape": (2, 60)}), ("transpose", [_IMAGE], {"axes": (2, 0, 3, 1)}), ("concat", [_IMAGE, _IMAGE], {"axis": 1}),
    ("slice", [_IMAGE], {"begin": (None, 2, 4, 0), "end": (1, None, 0, 4), "step": (1, -1, -2, 2)}),
    ("pad", [_IMAGE], {"widths": (0, 1, 2, 0, 1, 1, 0, 0), "value": 1.5}), ("pad", [((2, 3), "i8")], {"widths": (1, 0, 0, 2), "value": -3.0}),
    *(("pad", [_IMAGE], {"widths": (0, 0, 0, 0, 2, 1, 3, 0), "mode": mode}) for mode in ("edge", "reflect")),
    ("upsample", [_IMAGE], {"scale": (2, 3)}), ("broadcast_to", [((3, 1), "bf16")], {"shape": (2, 3, 4)}),
    ("quantize", [((2, 3), "f32")], {"scales": (0.1, 0.02, 0.3), "axis": 1, "zero_point": 3}),
    ("quantize", [((2, 3), "f16")], {"scales": (0.02,), "dtype": "u8"}),
    ("dequantize", [((2, 3), "i8")], {"scales": (0.1, 0.2), "axis": 0, "zero_point": -5}), ("dequantize", [((2, 3), "u8")], {"scales": (0.1,), "dtype": "f16"}),
    *(sample for family in FAMILIES for sample in family.STABLEHLO),
]
"""(operator, types of the operands, attributes)."""
