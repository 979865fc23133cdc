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
from ngc.codegen.onnx import OPSET
from ngc.codegen.tensorrt import build_tensorrt
from ngc.engines import EngineOptions, EngineTarget, parse_engine_target
from ngc.errors import CodegenError, EngineError
from ngc.ir import Graph, GraphBuilder, SymDim, clone, evaluate
from ngc.passes import PassContext, PassManager
from ngc.passes.layers import is_layer
from ngc.passes.unfused_ranges import unfused_ranges
from ngc.passes.value_ranges import ValueRange
from ngc.target import host_target
from tests.onnx_models import run_onnx
from tests.passes.test_zoo_fusion import network as zoo_network
from tests.runtime.engines.regions import PASSES, TOLERANCES, images, network, prepared
from tests.runtime.test_zoo_programs import draw_weights

pytest.importorskip("tensorrt_rtx")
pytest.importorskip("onnx")

def target(text: str = "tensorrt-rtx:sm86,sm89") -> EngineTarget:
    """Returns the target of a text."""
    found = parse_engine_target(text)
    assert found is not None
    return found


def calibrated(graph: Graph, images: np.ndarray | None) -> Graph:
    """Returns a copy of a graph in its canonical form, with ranges that were calibrated on images after fusion; without images they are made up."""
    region, fused = clone(graph), clone(graph)
    PassManager("@canonical").run(region)
    quantizable(fused, PassContext())
    if images is None:
        ranges = {value.name: ValueRange(-1.0, 1.0) for value in fused.values() if not value.is_const}
    else:
        ranges = dict(collect(fused, [images], target=host_target(), progress=False).ranges())
    region.ranges = unfused_ranges(region, ranges)
    return region


def build(region: Graph, precision: str = "fp32", **options: Any) -> EngineImage:
    """Builds for two compute capabilities."""
    return build_tensorrt(region, "region0", target(), EngineOptions(**options), precision)


@pytest.mark.parametrize("precision", PASSES)
def test_a_residual_network(precision: str) -> None:
    image = build(prepared(precision), precision, batch=(1, 4, 8))
    assert (image.name, image.engine, image.parameters) == ("region0", "tensorrt-rtx", ())
    assert [(spec.name, spec.shape, spec.dtype) for spec in (*image.inputs, *image.outputs)] == [
        ("data", (SymDim(), 3, 16, 16), "f32"), ("fc", (SymDim(), 10), "f32")]
    assert list(image.files) == ["engine"]
    assert image.facts["plan_bytes"] == image.size
    assert {name: image.facts[name] for name in ("precision", "capabilities", "batch", "opset")} == {
        "precision": precision, "capabilities": ["sm86", "sm89"], "batch": [1, 4, 8], "opset": OPSET}
    kinds = image.facts["inspected"]["kinds"]
    assert kinds["convolution"] == 2
    assert kinds.get("quantize", 0) == {"int8": 4}.get(precision, 0), "of the data, of act1 for unit and sum, of what is averaged, and of what fc reads"
    assert [(binding["name"], binding["dtype"]) for binding in image.facts["inspected"]["bindings"]] == [("data", "float"), ("fc", "float")]


@pytest.mark.parametrize("precision", PASSES)
def test_what_the_engine_is_given_computes_what_the_reference_does(precision: str) -> None:
    region = prepared(precision)
    wanted = evaluate(region, {"data": images(4)})[0]
    found = run_onnx(region, {"data": images(4)})[0]
    assert np.abs(found - wanted).max() <= TOLERANCES[precision] * np.abs(wanted).max()


def test_weights_in_files_give_the_same_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    region = prepared("fp32")
    beside = build_tensorrt(region, "region0", target(), EngineOptions(), "fp32", limit=0)
    assert beside.facts["inspected"] == build(region).facts["inspected"]
    assert not list(tmp_path.iterdir()), "the files are gone"


def test_an_input_that_nothing_reads_is_still_fed(caplog: pytest.LogCaptureFixture) -> None:
    builder = GraphBuilder("net")
    x = builder.input("x", (SymDim(), 3))
    builder.input("unread", (SymDim(), 2), "i64")
    image = build(builder.finish([builder.op("relu", x, name="y")]))
    assert [binding["name"] for binding in image.facts["inspected"]["bindings"]] == ["x", "unread", "y"]
    assert any("unread is unused" in text for text in image.facts["warnings"])
    assert "unread is unused" in caplog.text
    assert "Int64 binding" not in caplog.text, "that the types of inputs and outputs are what they are is no news"


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
        build_tensorrt(network(), "region0", target("tensorrt"), EngineOptions(), "fp32")


@pytest.mark.parametrize("name", ["resnet18_v2", "resnet50_v2", "mobilenet_v2_1_0"])
def test_networks_of_the_zoo_in_every_precision(name: str) -> None:
    graph = zoo_network(name)
    draw_weights(graph)
    # Calibrating compiles kernels for all layers of a network, for which once is enough here.
    canonical = calibrated(graph, np.random.default_rng(0).random((1, 3, 224, 224), np.float32) if name == "resnet18_v2" else None)
    for precision, passes in PASSES.items():
        region = clone(canonical)
        PassManager(f"fold-batch-norm,hoist-strides,fold-constants{passes}").run(region)
        image = build(region, precision)
        kinds = image.facts["inspected"]["kinds"]
        assert kinds["convolution"] + kinds.get("matrix_multiply", 0) == sum(map(is_layer, region))
        weights = sum(int(np.prod(node.inputs[1].type.shape)) for node in region if is_layer(node))  # type: ignore[arg-type]  # no weight has N
        least, most = {"fp32": (4, 4.5), "fp16": (2, 2.5), "int8": (1, 4)}[precision]
        assert weights * least < image.size < weights * most + 2**20
        said = Counter(event.status for event in region.events if event.pass_name == "insert-qdq" and event.rule == "precision")
        assert not said["refused"], "each layer and residual found the range of its data"
