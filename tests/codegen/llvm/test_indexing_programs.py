"""Whole programs of operators that pick, place, order and mask: compiled from MXNet's symbols they give what the reference evaluator gives, for any batch."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.errors import CodegenError
from ngc.importer import import_model
from ngc.ir import GraphBuilder, SymDim, evaluate


def agree(symbol: Any, params: dict[str, np.ndarray], feeds: dict[str, np.ndarray]) -> None:
    """Compares a compiled symbol with the reference evaluator for batches of one and more; what only moves and compares has the same bits."""
    graph = import_model((symbol, params, {}), shapes={name: ("N", *array.shape[1:]) for name, array in feeds.items()},
                         dtypes={name: array.dtype for name, array in feeds.items()})
    executable = ngc.compile(graph, threads=2)
    for count in (1, 3):
        part = {name: array[:count] for name, array in feeds.items()}
        for found, expected in zip(executable.run(part), evaluate(graph, part), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_an_embedding_with_positions_and_a_mask(mx: ModuleType) -> None:
    rng = np.random.default_rng(0)
    words, lengths = mx.sym.var("words"), mx.sym.var("lengths")
    table = mx.sym.Embedding(words, mx.sym.var("w"), input_dim=50, output_dim=6)
    positions = mx.sym.Embedding(mx.sym.contrib.arange_like(words, axis=1), mx.sym.var("p"), input_dim=8, output_dim=6)
    summed = mx.sym.broadcast_add(table, mx.sym.expand_dims(positions, axis=0))
    symbol = mx.sym.SequenceMask(summed, lengths, use_sequence_length=True, axis=1, value=-1)
    params = {"w": rng.normal(size=(50, 6)).astype(np.float32), "p": rng.normal(size=(8, 6)).astype(np.float32)}
    agree(symbol, params, {"words": rng.integers(0, 55, (3, 7)).astype(np.float32), "lengths": np.array([7, 0, 3], np.float32)})


def test_the_best_boxes_of_each_image(mx: ModuleType) -> None:
    """topk, and gather_nd with the number of the image, as detectors without anchors pick their boxes."""
    rng = np.random.default_rng(1)
    scores, boxes = mx.sym.var("scores"), mx.sym.var("boxes")
    best = mx.sym.topk(scores, k=5, ret_typ="both", dtype="int32")
    image = mx.sym.contrib.arange_like(scores, axis=0)
    rows = mx.sym.broadcast_add(mx.sym.zeros_like(mx.sym.cast(best[1], "float32")), mx.sym.expand_dims(image, axis=1))
    picked = mx.sym.gather_nd(boxes, mx.sym.stack(rows, mx.sym.cast(best[1], "float32"), axis=0))
    classes = mx.sym.one_hot(mx.sym.argmax(boxes, axis=2), depth=4)
    agree(mx.sym.Group([best[0], picked, classes, mx.sym.pick(boxes, mx.sym.argmin(boxes, axis=2), axis=2)]), {},
          {"scores": rng.normal(size=(3, 700)).astype(np.float32), "boxes": rng.normal(size=(3, 700, 4)).astype(np.float32)})


def test_sequences_turned_round(mx: ModuleType) -> None:
    rng = np.random.default_rng(2)
    steps = mx.sym.SwapAxis(mx.sym.var("data"), dim1=0, dim2=1)
    lengths = mx.sym.var("lengths")
    turned = mx.sym.SequenceReverse(steps, lengths, use_sequence_length=True)
    last = mx.sym.SequenceLast(turned, lengths, use_sequence_length=True)
    agree(mx.sym.Group([mx.sym.SwapAxis(turned, dim1=0, dim2=1), last]), {},
          {"data": rng.normal(size=(3, 9, 5)).astype(np.float32), "lengths": np.array([9, 1, 4], np.int32)})


def test_parts_that_are_written(mx: ModuleType) -> None:
    rng = np.random.default_rng(3)
    data = mx.sym.var("data")
    assigned = mx.sym._internal._slice_assign_scalar(data, begin=(None, 1, 0), end=(None, 5, None), step=(None, 2, None), scalar=7)
    assigned = mx.sym._internal._slice_assign(assigned, mx.sym.slice_axis(data, axis=1, begin=0, end=2), begin=(None, 3), end=(None, 5))
    summed = mx.sym.cumsum(mx.sym.round(data), axis=1)
    agree(mx.sym.Group([assigned, summed, mx.sym.tile(data, reps=(1, 2, 1)), mx.sym.repeat(data, repeats=2, axis=2)]), {},
          {"data": rng.normal(size=(3, 6, 4)).astype(np.float32) * 9})


def test_rows_replaced_at_coordinates() -> None:
    builder = GraphBuilder("scatter")
    n = SymDim()
    x, at, rows = builder.input("x", (n, 5, 3)), builder.input("at", (2, 4), "i32"), builder.input("rows", (4, 3))
    relu = builder.op("relu", x)
    written = builder.op("scatter_nd", relu, at, rows)
    graph = builder.finish([builder.op("add", written, relu)])  # the operand is read once more
    graph.stage = "imported"
    executable = ngc.compile(graph)
    rng = np.random.default_rng(4)
    for count in (1, 3):
        feeds = {"x": rng.normal(size=(count, 5, 3)).astype(np.float32), "at": rng.integers(-2, 7, (2, 4)).astype(np.int32),
                 "rows": rng.normal(size=(4, 3)).astype(np.float32)}
        np.testing.assert_array_equal(executable.run(feeds)[0], evaluate(graph, feeds)[0])


def test_what_has_no_kernel_says_so() -> None:
    builder = GraphBuilder("sums")
    summed = builder.op("cumsum", builder.input("x", (SymDim(), 3)), axis=0)
    graph = builder.finish([summed])
    graph.stage = "imported"
    with pytest.raises(CodegenError, match="cumsum: a dimension of N stands where generated code needs a fixed size; compile with a fixed batch"):
        ngc.compile(graph)
