"""BERT and the Transformer's encoder against MXNet itself: everything is compiled, attention is one operator, and nothing is copied between."""

from collections import Counter
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

import ngc
from bench.deployed import bert_base, transformer_encoder
from bench.deployed.bert_base import Bert
from bench.deployed.transformer_encoder import Encoder
from ngc.importer import import_model
from ngc.passes import PassManager
from tests.bench.test_segmentation import assert_near
from tests.importer.conftest import run_mxnet
from tests.onnx_models import assert_peers_give

BERT = Bert(layers=2, units=32, heads=4, hidden=64, words=50, length=16, positions=20)
ENCODER = Encoder(layers=2, units=32, heads=4, hidden=64, words=50, length=16)
CASES = [(bert_base, BERT), (transformer_encoder, ENCODER)]
MOVES = {"transpose", "reshape", "slice", "concat", "broadcast_to", "where", "softmax", "matmul"}


def compared(mx: ModuleType, module: Any, sizes: Any, batch: int, tolerance: float, *, any_batch: bool = False) -> Counter[str]:
    """Compiles a model without fallback, compares it with MXNet on two threads, and returns how many kernels of each operator it has."""
    symbol, arguments, states = module.build(mx, 0, sizes)
    feeds = module.inputs(batch, sizes)
    wanted = run_mxnet(mx, symbol, {**arguments, **feeds})
    assert all(output.std() > 0.3 for output in wanted)  # the comparison is of numbers that say something
    shapes = {name: ("N" if any_batch else batch, *array.shape[1:]) for name, array in feeds.items()}
    exe = ngc.compile((symbol, arguments, states), shapes=shapes, threads=2)
    assert_near(exe.run(feeds), wanted, tolerance)
    return Counter(call.op for call in exe.program.calls)


@pytest.mark.parametrize(("module", "sizes"), CASES, ids=["bert", "encoder"])
def test_one_sequence(module: Any, sizes: Any, mx: ModuleType) -> None:
    calls = compared(mx, module, sizes, 1, 1e-5)
    assert calls["attention"] == sizes.layers
    assert calls["dense"] == 4 * sizes.layers + (module is bert_base), "queries, keys and values are one layer"
    assert sum(calls[op] for op in MOVES) == (module is bert_base), "only the first token is taken out"


@pytest.mark.parametrize(("module", "sizes"), CASES, ids=["bert", "encoder"])
def test_a_batch_of_any_size(module: Any, sizes: Any, mx: ModuleType) -> None:
    assert compared(mx, module, sizes, 3, 1e-5, any_batch=True)["attention"] == sizes.layers


def test_heads_of_any_number(mx: ModuleType) -> None:
    assert compared(mx, bert_base, replace(BERT, heads=1, length=7), 2, 1e-5)["attention"] == BERT.layers


@pytest.mark.parametrize(("module", "sizes"), CASES, ids=["bert", "encoder"])
def test_other_engines_take_the_onnx(module: Any, sizes: Any, mx: ModuleType) -> None:
    pytest.importorskip("onnx")
    network, feeds = module.build(mx, 0, sizes), module.inputs(2, sizes)
    wanted = run_mxnet(mx, network[0], {**network[1], **feeds})
    graph = import_model(network, shapes={name: array.shape for name, array in feeds.items()})
    for pipeline in ("@canonical", "fuse-attention"):  # attention is written as its parts
        PassManager(pipeline).run(graph)
        assert_peers_give(graph, feeds, wanted, 1e-5)


@pytest.mark.full
@pytest.mark.parametrize("module", [bert_base, transformer_encoder], ids=["bert", "encoder"])
def test_full_size(module: Any, mx: ModuleType) -> None:
    compared(mx, module, None, 1, module.MODEL.tolerance)
