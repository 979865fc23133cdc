"""Engines of regions, built for GPUs that are not here: small networks of every precision, and the zoo's."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ngc.calibration.collect import collect
from ngc.calibration.quantizable import quantizable
from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensorrt import build_tensorrt
from ngc.engines import EngineOptions, EngineTarget, parse_engine_target
from ngc.errors import CodegenError, EngineError
from ngc.ir import Graph, GraphBuilder, SymDim, clone
from ngc.passes import PassContext, PassManager
from ngc.passes.layers import is_layer
from ngc.passes.unfused_ranges import unfused_ranges
from ngc.target import host_target
from tests.passes.nets import Net

pytest.importorskip("tensorrt_rtx")
pytest.importorskip("onnx")

PRECISIONS = {"fp32": "", "fp16": ",narrow-floats", "int8": ",insert-qdq"}
"""The passes that prepare a region, after those that all have."""


def target(text: str = "tensorrt-rtx:sm86,sm89") -> EngineTarget:
    """Returns the target of a text."""
    found = parse_engine_target(text)
    assert found is not None
    return found


def prepared(graph: Graph, precision: str, images: np.ndarray | None = None) -> Graph:
    """Returns a copy of a graph as its engine is to compute it, for int8 with ranges that were calibrated on images."""
    region = clone(graph)
    PassManager("@canonical").run(region)
    if precision == "int8":
        fused = clone(graph)
        quantizable(fused, PassContext())
        region.ranges = unfused_ranges(region, collect(fused, [images], target=host_target(), progress=False).ranges())
    PassManager(f"fold-batch-norm,hoist-strides,fold-constants{PRECISIONS[precision]}").run(region)
    return region


def build(region: Graph, precision: str = "fp32", **options: Any) -> EngineImage:
    """Builds for two compute capabilities."""
    return build_tensorrt(region, "region0", target(), EngineOptions(**options), precision)


def residual_net() -> Graph:
    """Returns a stem, a residual unit, pools, and a head."""
    net = Net()
    x = net.op("relu", net.batch_norm(net.conv(net.input(3, 16, 16), 16, 3, name="stem", pad=1, bias=True), name="bn1"), name="act1")
    y = net.batch_norm(net.conv(x, 16, 3, name="unit", pad=1), name="bn2")
    total = net.op("relu", net.op("add", y, x, name="sum"), name="act2")
    pooled = net.op("pool", total, kind="avg", kernel=(16, 16), stride=(1, 1), pad=(0, 0), name="pool")
    flat = net.op("reshape", pooled, shape=(SymDim(), 16), name="flat")
    return net.finish(net.op("softmax", net.dense(flat, 10), name="prob"))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_residual_network(precision: str) -> None:
    region = prepared(residual_net(), precision, np.random.default_rng(0).random((4, 3, 16, 16), np.float32))
    image = build(region, precision, batch=(1, 4, 8))
    assert (image.name, image.engine, image.parameters) == ("region0", "tensorrt-rtx", ())
    assert [(spec.name, spec.shape, spec.dtype) for spec in (*image.inputs, *image.outputs)] == [
        ("data", (SymDim(), 3, 16, 16), "f32"), ("prob", (SymDim(), 10), "f32")]
    assert list(image.files) == ["engine"]
    assert image.facts["plan_bytes"] == image.size
    assert {name: image.facts[name] for name in ("precision", "capabilities", "batch", "opset")} == {
        "precision": precision, "capabilities": ["sm86", "sm89"], "batch": [1, 4, 8], "opset": 18}
    kinds = image.facts["inspected"]["kinds"]
    assert kinds["convolution"] == 2
    assert kinds.get("quantize", 0) == {"int8": 4}.get(precision, 0), "the data, act1 for the unit and the sum, the pool's data, the dense layer's"
    assert [(binding["name"], binding["dtype"]) for binding in image.facts["inspected"]["bindings"]] == [("data", "float"), ("prob", "float")]


def test_weights_in_files_give_the_same_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    region = prepared(residual_net(), "fp32")
    beside = build_tensorrt(region, "region0", target(), EngineOptions(), "fp32", limit=0)
    assert beside.facts["inspected"] == build(region).facts["inspected"]
    assert not list(tmp_path.iterdir()), "the files are gone"


def test_an_interface_of_bf16_or_f64() -> None:
    for dtype, made in (("bf16", "bf16"), ("f64", "float")):
        builder = GraphBuilder("net")
        region = builder.finish([builder.op("relu", builder.input("x", (2, 3), dtype), name="y")])
        with pytest.raises(EngineError, match=rf"region0 takes or gives 'x' as {dtype}, of which TensorRT makes {made}$"):
            build(region)


def test_f64_on_the_way() -> None:
    builder = GraphBuilder("net")
    wide = builder.op("cast", builder.input("x", (2, 3)), dtype="f64", name="wide")
    region = builder.finish([builder.op("cast", builder.op("relu", wide), dtype="f32", name="y")])
    with pytest.raises(EngineError, match="region0: Cast 'wide' gives f64, which TensorRT does not have"):
        build(region)


def test_more_dimensions_than_tensorrt_has() -> None:
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 1, 2, 2, 2, 2, 2), "i64")
    region = builder.finish([builder.op("upsample", x, scale=(2, 1, 1, 1, 2), name="y")])
    with pytest.raises(EngineError, match=r"region0: Reshape '.*' gives 12 dimensions; TensorRT has tensors of up to 8"):
        build(region)


def test_operators_without_a_form_are_listed() -> None:
    builder = GraphBuilder("net")
    x = builder.input("x", (2, 3))
    region = builder.finish([builder.op("gamma", x, name="one"), builder.op("erfinv", x, name="two")])
    with pytest.raises(CodegenError, match=r"(?s)ONNX has no gamma function.*ONNX has no inverse error function"):
        build(region)


def test_what_is_missing_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineError, match=r"TensorRT .*pip install tensorrt-cu13"):
        build_tensorrt(residual_net(), "region0", target("tensorrt"), EngineOptions(), "fp32")


@pytest.mark.parametrize("name", ["resnet18_v2", "resnet50_v2", "mobilenet_v2_1_0"])
def test_networks_of_the_zoo_in_every_precision(name: str) -> None:
    from tests.passes.test_zoo_fusion import network
    from tests.runtime.test_zoo_programs import draw_weights

    graph = network(name)
    draw_weights(graph)
    for precision in PRECISIONS:
        region = prepared(graph, precision, np.random.default_rng(0).random((1, 3, 224, 224), np.float32))
        image = build(region, precision)
        kinds = image.facts["inspected"]["kinds"]
        assert kinds["convolution"] + kinds.get("matrix_multiply", 0) == sum(map(is_layer, region))
        weights = sum(int(np.prod(node.inputs[1].type.shape)) for node in region if is_layer(node))  # type: ignore[arg-type]  # no weight has N
        least, most = {"fp32": (4, 4.5), "fp16": (2, 2.5), "int8": (1, 4)}[precision]
        assert weights * least < image.size < weights * most + 2**20
        said = Counter(event.status for event in region.events if event.pass_name == "insert-qdq" and event.rule == "precision")
        assert not said["refused"], "each layer and residual found the range of its data"
