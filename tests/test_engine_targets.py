"""`ngc.compile` for engines, from a checkpoint to answers: the Neuron module on XLA's CPU client."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.cli import main
from ngc.engines import EngineOptions
from ngc.errors import EngineError, InputError
from ngc.ir import Graph, GraphBuilder, Loc, evaluate
from ngc.opt.main import OptMain
from ngc.passes import PassManager
from tests.checkpoints import SHAPE, make_input, reference, write_checkpoint

# float32 through 27 products, 99 pixels and a softmax.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def make_partly_supported() -> Graph:
    """Convolutions around the gamma function, which no engine has, and a branch that goes around it."""
    b = GraphBuilder("partly")
    rng = np.random.default_rng(0)
    x = b.input("data", (2, 3, 8, 8))
    first = b.op("relu", b.op("conv2d", x, b.const("w0", rng.normal(0, 0.3, (16, 3, 3, 3)).astype(np.float32)), pad=(1, 1), name="first"), name="relu0")
    special = b.op("gamma", b.op("add", first, scalar=1.5, name="shifted"), name="gamma0")
    both = b.op("add", b.op("tanh", special, name="tanh0"), first, name="both")
    last = b.op("conv2d", both, b.const("w1", rng.normal(0, 0.1, (8, 16, 3, 3)).astype(np.float32)), name="last")
    return b.finish([b.op("reduce_mean", last, axes=(2, 3), name="mean"), special], ["scores", "special"])


def test_a_checkpoint_runs_whole_on_the_engine(prefix: str, tmp_path: Path) -> None:
    executable = ngc.compile(prefix, shapes={"data": SHAPE}, target="neuron:cpu", dump_dir=tmp_path / "dump")
    assert (tmp_path / "dump" / "engines" / "Neuron0.stablehlo").read_bytes() == executable.engines[0].files["stablehlo"]
    assert '"neuron",["Neuron0.stablehlo","Neuron0.hlo"]]]' in (tmp_path / "dump" / "index.html").read_text()
    assert executable.graph.count() == {"engine.call": 1}
    assert [sorted(image.files) for image in executable.engines] == [["hlo", "stablehlo"]]
    assert "for neuron:cpu, " in repr(executable)
    x = make_input()
    np.testing.assert_allclose(executable.run({"data": x})[0], reference(x), **CLOSE)
    executable.save(tmp_path / "model.ngc")
    np.testing.assert_array_equal(ngc.load(tmp_path / "model.ngc").run({"data": x})[0], executable.run({"data": x})[0])


def test_what_the_engine_lacks_runs_on_the_cpu() -> None:
    graph = make_partly_supported()
    executable = ngc.compile(graph, target="neuron:cpu")
    assert [node.op for node in executable.graph.nodes if node.op in ("engine.call", "gamma", "eltwise")] == ["engine.call", "gamma", "engine.call"]
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    # gamma of up to 6, through 144 products.
    for actual, wanted in zip(executable.run({"data": x}), evaluate(graph, {"data": x}), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=2e-5, atol=2e-5)


def test_names_decide(prefix: str) -> None:
    graph = make_partly_supported()
    executable = ngc.compile(graph, target="neuron:cpu", engine=EngineOptions(excl_node_names=("first", "relu0"), min_subgraph_size=3))
    assert executable.graph.count()["engine.call"] == 1
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    for actual, wanted in zip(executable.run({"data": x}), evaluate(graph, {"data": x}), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("precision", "bits"), [("fp16", 11), ("bf16", 8)])
def test_narrow_floats(prefix: str, precision: str, bits: int) -> None:
    executable = ngc.compile(prefix, shapes={"data": SHAPE}, target="neuron:cpu", precision=precision)
    x = make_input()
    # Probabilities after three layers, each of which rounds operands and results.
    np.testing.assert_allclose(executable.run({"data": x})[0], reference(x), rtol=0, atol=6 * 2.0**-bits)
    assert {image.facts["precision"] for image in executable.engines} == {precision}


def test_a_model_that_was_quantized_elsewhere_is_fp32_where_there_is_no_int8() -> None:
    graph = make_partly_supported()
    graph.ranges = {"data": (-1.0, 1.0)}
    assert {image.facts["precision"] for image in ngc.compile(graph, target="neuron:cpu").engines} == {"fp32"}


def make_small() -> Graph:
    """Returns relu -> dropout -> dense -> softmax, each with its MXNet name."""
    b = GraphBuilder("small")
    x = b.input("data", (2, 4))
    h = b.op("dropout", b.op("relu", x, name="act", loc=Loc("act")), name="drop", loc=Loc("drop"))
    h = b.op("dense", h, b.const("w", np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)), name="fc", loc=Loc("fc"))
    return b.finish([b.op("softmax", h, name="soft", loc=Loc("soft"))])


@pytest.mark.parametrize(("options", "message"), [
    ({"precision": "bf16", "pipeline": "@neuron-fp32"},
     "pipeline '@neuron-fp32' has no optimize-regions{precision=bf16}, without which precision='bf16' means nothing"),
    ({"engine": EngineOptions(workspace=1 << 30, batch=(1, 2, 3))}, "AWS Neuron has no use for the options batch, workspace"),
    ({"target": "tensorrt-rtx:sm86", "engine": EngineOptions(flags=("--x",), pipeline_cores=2)},
     "TensorRT for RTX has no use for the options flags, pipeline_cores"),
    ({"target": "tensorrt-rtx:sm86", "precision": "int8", "calibration": [], "pipeline": "@tensorrt-fp32"},
     "pipeline '@tensorrt-fp32' has no optimize-regions{precision=int8}, without which precision='int8' means nothing"),
    ({"target": "tensorrt-rtx:sm86", "precision": "int8", "calibration": [], "pipeline": "partition,optimize-regions{precision=int8},assign-layout"},
     "has no record-ranges, without which precision='int8' means nothing"),
])
def test_options_that_would_mean_nothing(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        ngc.compile(make_small(), **{"target": "neuron:cpu", **options})
    assert message in str(error.value)


def test_names_of_operators_that_are_folded_away() -> None:
    executable = ngc.compile(make_small(), target="neuron:cpu", engine=EngineOptions(excl_node_names=("drop",)))
    assert executable.graph.count() == {"engine.call": 1}
    assert [event.node for event in executable.graph.events if event.rule == "names"] == ["drop"]
    assert ngc.coverage(make_small(), "neuron", engine=EngineOptions(excl_node_names=("drop",))).left == 0


def test_an_excluded_twin_keeps_both_from_the_engine() -> None:
    b = GraphBuilder("twins")
    x = b.input("data", (2, 4))
    twins = [b.op("tanh", x, name=name, loc=Loc(name)) for name in ("a1", "a2")]
    graph = b.finish([b.op("exp", b.op("add", *twins, name="sum", loc=Loc("sum")), name="last", loc=Loc("last"))])
    executable = ngc.compile(graph, target="neuron:cpu", engine=EngineOptions(excl_node_names=("a2",)))
    assert "tanh" not in executable.graph.nodes[-1].regions[0].count()


def test_options_in_a_pipelines_text_hold_unless_others_are_given() -> None:
    pipeline = "canonicalize,eliminate-dead-code,partition{engine=neuron excl-node-names=fc},optimize-regions,fuse-conv,assign-layout"
    executable = ngc.compile(make_small(), target="neuron:cpu", pipeline=pipeline, fallback="reference")
    assert "engine.call" not in executable.graph.count()
    executable = ngc.compile(make_small(), target="neuron:cpu", pipeline=pipeline, engine=EngineOptions(excl_node_names=("soft",)))
    assert executable.graph.count()["engine.call"] == 1


def test_a_divided_graph_is_compiled_for_its_engine_only() -> None:
    divided = make_small()
    PassManager("canonicalize,partition{engine=neuron}").run(divided)
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(ngc.compile(divided, target="neuron:cpu").run({"data": x})[0], evaluate(make_small(), {"data": x})[0], rtol=1e-5)
    for target, options, message in (
            ("cpu", {}, "the graph is divided for neuron, which target 'cpu' is not; compile the model that it came from"),
            ("tensorrt-rtx:sm86", {}, "the graph is divided for neuron, which target 'tensorrt-rtx:sm86' is not"),
            ("neuron:cpu", {"engine": EngineOptions(min_subgraph_size=5)}, "the model comes divided, so min_subgraph_size can change nothing")):
        with pytest.raises(InputError) as error:
            ngc.compile(divided, target=target, **options)
        assert message in str(error.value)
    with pytest.raises(InputError, match="the graph is divided already"):
        ngc.coverage(divided, "neuron")


def test_tensors_without_dimensions_cross_the_border() -> None:
    b = GraphBuilder("scalars")
    x = b.input("data", ())
    special = b.op("gamma", b.op("exp", b.op("sigmoid", x)))
    graph = b.finish([b.op("tanh", b.op("sqrt", special))])
    executable = ngc.compile(graph, target="neuron:cpu", fallback="reference")
    assert executable.graph.count()["engine.call"] == 2
    value = np.float32(0.25).reshape(())
    np.testing.assert_allclose(executable.run({"data": value})[0], evaluate(graph, {"data": value})[0], rtol=1e-5)


def test_bf16_values_stay_on_the_cpu() -> None:
    b = GraphBuilder("half")
    x = b.op("cast", b.op("relu", b.op("tanh", b.input("data", (2, 4)))), dtype="bf16")
    graph = b.finish([b.op("exp", b.op("cast", x, dtype="f32"))])
    found = ngc.coverage(graph, "neuron")
    assert [item.reason for item in found.staying if item.op == "cast"] == ["numpy, which hands values over, has no bf16"] * 2
    data = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    # One rounding to eight bits.
    np.testing.assert_allclose(ngc.compile(graph, target="neuron:cpu").run({"data": data})[0], evaluate(graph, {"data": data})[0], rtol=2**-8)


def test_a_partition_that_is_switched_off_says_so(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_DISABLE_PASSES", "partition")
    ngc.compile(make_small(), target="neuron:cpu")
    assert "nothing of the model goes to AWS Neuron; mostly because: switched off by name" in caplog.text


def test_passes_inside_regions_can_be_switched_off_and_traced(prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [prefix, "--shape", "data=" + ",".join(map(str, SHAPE)), "-p", "canonicalize,partition{engine=neuron},optimize-regions", "-o", "/dev/null"]
    assert OptMain([*flags, "--trace-rule", "fold-batch-norm"]).run() == 0
    assert "optimize-regions/fold-batch-norm/ConvThenAffine applied" in capsys.readouterr().err
    assert OptMain([*flags, "--trace-rule", "optimize-regions", "--disable", "fold-batch-norm"]).run() == 0
    assert "ConvThenAffine" not in capsys.readouterr().err


def test_forced_operators_without_a_form_are_named() -> None:
    with pytest.raises(ngc.CodegenError, match="gamma"):
        ngc.compile(make_partly_supported(), target="neuron:cpu", engine=EngineOptions(force_incl_node_names=("gamma0",)))


def test_a_batch_of_any_size_goes_nowhere_and_says_so(prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        executable = ngc.compile(prefix, shapes={"data": ("N", *SHAPE[1:])}, target="neuron:cpu")
    assert any("nothing of the model goes to AWS Neuron; mostly because: its batch is N" in record.message for record in caplog.records)
    assert not executable.engines
    x = make_input()
    np.testing.assert_allclose(executable.run({"data": x})[0], reference(x), **CLOSE)


def test_a_neuron_device_that_is_missing(prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    executable = ngc.compile(prefix, shapes={"data": SHAPE}, target="neuron:inf2")
    with pytest.raises(EngineError, match=r"the Neuron PJRT plugin .* and a Neuron device are missing"):
        executable.run({"data": make_input()})
    executable.save(tmp_path / "model.ngc")
    with pytest.raises(EngineError, match=r"model\.ngc cannot run on this machine: the Neuron PJRT plugin .* missing.*holds hlo, stablehlo"):
        ngc.load(tmp_path / "model.ngc")


def test_the_command_line(prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = "data=" + ",".join(map(str, SHAPE))
    target = str(tmp_path / "model.ngc")
    assert main(["compile", prefix, "-o", target, "--shape", shape, "--target", "neuron:cpu", "--min-subgraph-size", "1"]) == 0
    out = capsys.readouterr().out
    assert "for neuron:cpu (" in out
    assert "1 kernel calls, Neuron0 on neuron " in out
    assert main(["info", target]) == 0
    assert "Neuron0 for neuron: stablehlo " in capsys.readouterr().out
    assert main(["info", target, "--save-engines", str(tmp_path / "engines")]) == 0
    assert sorted(path.name for path in (tmp_path / "engines").iterdir()) == ["Neuron0.hlo", "Neuron0.stablehlo"]
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "engines" / name) for name in ("Neuron0.stablehlo", "Neuron0.hlo")]
    (tmp_path / "file").write_text("")
    assert main(["info", target, "--save-engines", str(tmp_path / "file")]) == 1
    assert f"the engine Neuron0 cannot be written to {tmp_path / 'file'}: File exists" in capsys.readouterr().err
    assert main(["coverage", prefix, "--shape", shape, "--target", "neuron", "--exclude-node", "fc"]) == 0
    assert "excluded by name" in capsys.readouterr().out
    assert main(["coverage", prefix, "--shape", shape, "--target", "neuron", "--json"]) == 0
    assert '"subgraphs": 1' in capsys.readouterr().out
    assert main(["coverage", prefix, "--shape", shape, "--target", "neuron", "--exclude-node", "nothing"]) == 1
    assert "excl_node_names: the model has no node 'nothing'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["coverage", prefix, "--shape", shape])
    assert "the following arguments are required: --target" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1,2", "a,b,c"])
def test_batches_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compile", "model", "-o", "x.ngc", "--engine-batch", text])
    assert f"'{text}' are no three batches; expected LEAST,USUAL,MOST, such as 1,8,32" in capsys.readouterr().err


def test_calibration_is_of_processors(prefix: str) -> None:
    with pytest.raises(EngineError, match="target 'neuron:cpu' is an engine; what is asked for here is done on the CPU"):
        ngc.calibrate(prefix, [], shapes={"data": SHAPE}, target="neuron:cpu")
    with pytest.raises(InputError, match='needs calibration=: batches of data'):
        ngc.compile(prefix, shapes={"data": SHAPE}, target="tensorrt-rtx:sm86", precision="int8")
