"""`Executable.explain`: what became of a node, of fresh and of loaded executables, on the CPU and on an engine."""

import json
from pathlib import Path

import numpy as np
import pytest

import ngc
from ngc.errors import InputError
from ngc.quantization import QuantizationOptions
from ngc.runtime import Executable, artifact_events
from ngc.runtime.artifact_file import NewSection, open_artifact, write_artifact
from tests.checkpoints import SHAPE, make_input, write_checkpoint
from tests.test_engine_targets import make_partly_supported

ANY_BATCH = {"data": ("N", *SHAPE[1:])}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def executable(prefix: str) -> Executable:
    return ngc.compile(prefix, shapes=ANY_BATCH)


def test_a_fused_node(executable: Executable) -> None:
    found = executable.explain("bn", feeds={"data": make_input()}, runs=3)
    [conv] = [holder for holder in found.holders if holder.op == "conv2d"]
    assert (conv.sources, conv.computes_in, conv.quantization, conv.engine, conv.region) == (("conv", "bn", "relu"), "f32", None, "", "")
    calls = [call for call in executable.program.calls if call.node == conv.node]
    assert [(kernel.symbol, kernel.op, kernel.algorithm) for kernel in conv.kernels] == [(call.symbol, call.op, call.note) for call in calls]
    [kernel] = [kernel for kernel in conv.kernels if kernel.op == "conv2d"]
    assert kernel.reason.startswith("by the cost model")
    assert kernel.ms is not None
    assert kernel.share is not None
    assert kernel.ms > 0
    assert 0 < kernel.share <= 1
    assert [(event.pass_name, event.rule, event.status) for event in found.decisions if event.pass_name.startswith("f")] == [
        ("fold-batch-norm", "ConvThenAffine", "applied"), ("fuse-conv", "LayerThenStep", "applied")]
    assert found.missing == ()
    text = str(found)
    assert text.startswith("bn: an MXNet node\n")
    assert "    stands for   conv, bn, relu\n" in text
    assert f" ms, {kernel.share:.1%}, {kernel.symbol}\n                 chosen by the cost model" in text
    assert "fold-batch-norm/ConvThenAffine applied %bn: affine(conv(x, W) + b) = conv(x, W*s) + (b*s + t)" in text


def test_json(executable: Executable) -> None:
    found = executable.explain("conv")
    content = json.loads(found.to_json())
    assert (content["asked"], content["subject"]) == ("conv", "an MXNet node")
    assert [holder["node"] for holder in content["holders"]] == [holder.node for holder in found.holders]
    assert content["missing"] == ["how long it takes: no feeds were given"]


@pytest.mark.parametrize(("name", "subject", "operators"), [
    ("conv_weight", "a constant; what reads it:", {"conv2d"}),
    ("fc_bias", "a constant; what reads it:", {"dense"}),
    ("data", "an input; what reads it:", {"reorder"}),
    ("op:dense", "a pattern", {"dense"}),
    ("p*l", "a pattern", {"pool", "reorder"}),
    ("re:f.", "a pattern", {"dense"}),
])
def test_other_names(executable: Executable, name: str, subject: str, operators: set[str]) -> None:
    found = executable.explain(name)
    assert found.subject == subject
    assert {holder.op for holder in found.holders} >= operators
    assert "reorder" in operators or {holder.op for holder in found.holders} == operators


def test_a_value_of_the_compiled_graph(executable: Executable) -> None:
    [node] = [node for node in executable.graph.nodes if node.op == "softmax"]
    assert executable.explain(node.name).holders[0].node == node.name
    [reorder] = [node for node in executable.graph.nodes if node.op == "reorder" and node.inputs[0] in executable.graph.inputs]
    found = executable.explain(reorder.name)
    assert (found.subject, [holder.op for holder in found.holders]) == ("a value of the compiled graph", ["reorder"])


def test_a_node_without_a_kernel(executable: Executable) -> None:
    [holder] = executable.explain("flat").holders
    assert (holder.op, holder.kernels) == ("reshape", ())
    assert "    kernel       none: its result lies in its operand's memory\n" in executable.explain("flat").table()


def test_a_node_that_is_gone() -> None:
    text = 'graph @g(%x: f32[1,3]) {\n  %d = dropout(%x) : f32[1,3] loc("drop0")\n  %y = tanh(%d) : f32[1,3] loc("tanh0")\n  return %y\n}'
    found = ngc.compile(ngc.parse(text)).explain("drop0")
    assert (found.subject, found.holders) == ("an MXNet node", ())
    assert "  gone: no node of the compiled graph stands for it\n" in found.table()
    assert [(event.pass_name, event.status) for event in found.decisions] == [("canonicalize", "applied")]


def test_names_that_nothing_has(executable: Executable) -> None:
    with pytest.raises(InputError, match=r"^'conw' names no node of the model, no value and no constant of the compiled graph; did you mean 'conv'"):
        executable.explain("conw")
    with pytest.raises(InputError, match=r"^'re:\(' is no regular expression: "):
        executable.explain("re:(")
    with pytest.raises(InputError, match="data"):
        executable.explain("conv", feeds={})


def test_a_loaded_executable_says_the_same(executable: Executable, tmp_path: Path) -> None:
    executable.save(tmp_path / "m.ngc")
    for name in ("conv", "bn", "fc_weight", "op:pool"):
        assert ngc.load(tmp_path / "m.ngc").explain(name) == executable.explain(name)


def test_an_artifact_without_decisions(executable: Executable, tmp_path: Path) -> None:
    path = tmp_path / "m.ngc"
    executable.save(path)
    file = open_artifact(path)
    manifest = {name: value for name, value in file.manifest.items() if name != "sections"}
    sections = {name: bytes(section.read()) for name, section in file.sections.items()}
    write_artifact(path, manifest, [NewSection(name, [data]) for name, data in sections.items() if name != artifact_events.SECTION])
    found = ngc.load(path).explain("conv")
    assert [holder.op for holder in found.holders] == [holder.op for holder in executable.explain("conv").holders]
    assert found.decisions == ()
    assert "not known: what passes decided: no record of it came with the graph; compile the model again with this version of ngc" in str(found)
    write_artifact(path, manifest, [NewSection(name, [data if name != artifact_events.SECTION else b"x"]) for name, data in sections.items()])
    with pytest.raises(ngc.ArtifactError, match="what was decided about it is none of ngc's"):
        ngc.load(path).explain("conv")


def test_code_that_was_made_again_is_explained_once(executable: Executable, tmp_path: Path) -> None:
    path = tmp_path / "m.ngc"
    executable.save(path)
    file = open_artifact(path)
    manifest = {name: value for name, value in file.manifest.items() if name != "sections"}
    write_artifact(path, {**manifest, "ngc": "0.0.1"}, [NewSection(name, [bytes(section.read())]) for name, section in file.sections.items()])
    again = ngc.load(path).explain("conv")
    assert sum(event.pass_name == "codegen" for event in again.decisions) == sum(event.pass_name == "codegen" for event in executable.explain("conv").decisions)


def test_int8_says_its_range_and_why_not(prefix: str) -> None:
    options = QuantizationOptions(exclude=("fc",), force=True)
    executable = ngc.compile(prefix, shapes=ANY_BATCH, precision="int8", calibration=[make_input()], quantization=options)
    [conv] = [holder for holder in executable.explain("conv").holders if holder.op == "conv2d"]
    assert conv.computes_in == "u8"
    assert conv.quantization is not None
    assert conv.quantization.precision == "int8"
    assert conv.quantization.scale is not None
    text = executable.explain("conv").table()
    assert f"    int8         data in [{conv.quantization.low:.4g}, {conv.quantization.high:.4g}], scale {conv.quantization.scale:.4g}, zero point " in text
    assert "    not int8     excluded by 'fc'\n" in executable.explain("fc").table()


def test_what_an_engine_executes() -> None:
    pytest.importorskip("jaxlib")
    executable = ngc.compile(make_partly_supported(), target="neuron:cpu")
    [last] = executable.explain("last").holders
    assert (last.op, last.engine, last.region) == ("conv2d", "neuron", "Neuron1")
    assert [kernel.op for kernel in last.kernels] == ["engine.call"]
    assert "  %last = conv2d  in Neuron1 on neuron\n" in executable.explain("last").table()
    [special] = executable.explain("gamma0").holders
    assert special.engine == ""
    feeds = {"data": np.zeros((2, 3, 8, 8), np.float32)}
    assert executable.explain("last", feeds=feeds, runs=2).holders[0].kernels[0].ms is not None
