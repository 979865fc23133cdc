"""Whole programs of detectors' operators, on one thread and two, for any batch, against the reference evaluator."""

from typing import Any

import numpy as np
import pytest

from ngc.codegen.llvm.build import build_program
from ngc.errors import CodegenError
from ngc.ir import Graph, GraphBuilder, SymDim, Value, evaluate
from ngc.passes import PassContext
from ngc.passes.assign_layout import AssignLayout
from ngc.runtime import Executable
from ngc.target import parse_target

RNG = np.random.default_rng(3)
N = SymDim()


def check(b: GraphBuilder, *outputs: Value, feeds: dict[str, np.ndarray], atol: float = 0.0) -> list[str]:
    """Compares a program with the reference in poisoned memory; returns the operators of its calls."""
    graph: Graph = b.finish(outputs)
    wanted = evaluate(graph, feeds)
    target = parse_target("cpu")
    AssignLayout().run(graph, PassContext(target=target))
    program = build_program(graph, target)
    for threads in (1, 2):
        for found, expected in zip(Executable(program, graph, threads=threads).run_poisoned(feeds), wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    return [call.op for call in program.calls]


def rows(*shape: int) -> np.ndarray:
    """Returns rows [class, score, corners] that overlap."""
    boxes = RNG.uniform(0, 4, (*shape, 2))
    parts = [RNG.integers(0, 3, (*shape, 1)), RNG.uniform(-0.5, 1, (*shape, 1)), boxes, boxes + RNG.uniform(0.5, 3, (*shape, 2))]
    return np.concatenate(parts, -1).astype(np.float32)


@pytest.mark.parametrize("attrs", [{}, {"id_index": 0, "topk": 9}, {"id_index": 0, "force_suppress": True, "rows": 5}, {"out_format": "center"}], ids=str)
def test_lists_of_a_batch(attrs: dict[str, Any]) -> None:
    b = GraphBuilder()
    x = b.input("x", (N, 2, 33, 6))
    assert check(b, b.op("box_nms", x, **attrs), feeds={"x": rows(3, 2, 33)}) == ["box_nms"]


def test_columns() -> None:
    b = GraphBuilder()
    x = rows(2, 30)
    inputs = [b.input("boxes", (N, 10, 4)), b.input("scores", (N, 30, 1)), b.input("ids", (N, 30, 1))]
    feeds = {"boxes": x[:, :10, 2:].copy(), "scores": x[..., 1:2].copy(), "ids": x[..., :1].copy()}
    check(b, b.op("column_nms", *inputs, id_index=0, rows=7), feeds=feeds)
    b = GraphBuilder()
    inputs = [b.input("boxes", (N, 10, 4)), b.input("scores", (N, 30, 1))]
    del feeds["ids"]
    check(b, b.op("column_nms", *inputs, coord_start=0, score_index=4, topk=11), feeds=feeds)


def test_detections_of_a_batch() -> None:
    b = GraphBuilder()
    anchors = np.concatenate([corner := RNG.uniform(0, 0.6, (1, 20, 2)), corner + 0.3], -1).astype(np.float32)
    y = b.op("multibox_detection", b.input("scores", (N, 4, 20)), b.input("offsets", (N, 80)), b.const("anchors", anchors), nms_topk=12)
    feeds = {"scores": RNG.uniform(0, 1, (3, 4, 20)).astype(np.float32), "offsets": RNG.normal(size=(3, 80)).astype(np.float32)}
    check(b, y, feeds=feeds, atol=1e-5)


@pytest.mark.parametrize(("op", "attrs"), [
    ("roi_align", {"sample_ratio": 2}), ("roi_max_pool", {}), ("rotated_roi_align", {}), ("roi_align", {"position_sensitive": True}),
])  # fmt: skip
def test_regions_of_what_a_convolution_made(op: str, attrs: dict[str, Any]) -> None:
    """Maps stay in blocks, before and after, unless bins read channels of their own."""
    b = GraphBuilder()
    maps = b.op("conv2d", b.input("x", (N, 8, 9, 9)), b.const("w", RNG.normal(size=(36, 8, 3, 3)).astype(np.float32) / 8), pad=(1, 1))
    bins = b.op(op, maps, b.input("regions", (4 * N, 6 if "rotated" in op else 5)), pooled_size=(3, 3), spatial_scale=0.5, **attrs)
    channels = int(bins.type.shape[1])  # type: ignore[arg-type]  # only the batch has N
    y = b.op("conv2d", bins, b.const("v", RNG.normal(size=(20, channels, 3, 3)).astype(np.float32) / 8), pad=(1, 1))
    regions = np.concatenate([RNG.integers(0, 2, (8, 1)), RNG.uniform(0, 8, (8, 2)), RNG.uniform(8, 18, (8, 2)), RNG.uniform(-90, 90, (8, 1))], 1)
    feeds = {"x": RNG.normal(size=(2, 8, 9, 9)).astype(np.float32), "regions": regions[:, :bins.producer.inputs[1].type.shape[1]].astype(np.float32)}
    # sums of some 300 products
    operators = check(b, y, feeds=feeds, atol=1e-4)
    assert operators.count("reorder") == (4 if attrs.get("position_sensitive") else 2)


def test_constants_of_one_number_are_in_the_code() -> None:
    b = GraphBuilder()
    x = b.input("x", (50, 70))
    fill = b.const("fill", np.full((50, 70), -1.5, np.float32))
    graph = b.finish([b.op("where", b.op("greater", x, scalar=0.5), x, fill), b.op("minimum", fill, fill)])
    feeds = {"x": RNG.normal(size=(50, 70)).astype(np.float32)}
    wanted = evaluate(graph, feeds)
    target = parse_target("cpu")
    AssignLayout().run(graph, PassContext(target=target))
    program = build_program(graph, target)
    for found, expected in zip(Executable(program, graph).run_poisoned(feeds), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["f64", "f16"])
def test_other_floats_have_no_kernel(dtype: str) -> None:
    b = GraphBuilder()
    scores, offsets, anchors = b.input("s", (1, 3, 5), dtype), b.input("o", (1, 20), dtype), b.input("a", (1, 5, 4), dtype)
    regions = b.op("roi_align", b.input("m", (1, 2, 4, 4), dtype), b.input("r", (3, 5), dtype), pooled_size=(2, 2), spatial_scale=1.0)
    graph = b.finish([b.op("box_nms", b.input("x", (5, 6), dtype)), b.op("multibox_detection", scores, offsets, anchors), regions])
    AssignLayout().run(graph, PassContext(target=parse_target("cpu")))
    with pytest.raises(CodegenError) as failure:
        build_program(graph, parse_target("cpu"))
    for op in ("box_nms", "multibox_detection", "roi_align"):
        assert f"{op}: kernels take f32 data, not {dtype}" in str(failure.value)
