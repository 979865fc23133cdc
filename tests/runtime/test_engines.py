"""Programs with engine calls: a stand-in engine that evaluates its region in numpy takes a device's place."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.cli import main
from ngc.codegen.engine_image import EngineImage
from ngc.codegen.llvm.build import build_program
from ngc.codegen.tensor_spec import TensorSpec
from ngc.errors import ArtifactError, EngineError
from ngc.ir import Graph, GraphBuilder, Node, SymDim, clone, evaluate, parse, verify
from ngc.passes import PassManager
from ngc.passes.partition import PartitionOptions, outline, plan_by
from ngc.runtime import Executable, callbacks
from ngc.runtime.artifact_file import NewSection, open_artifact, write_artifact
from ngc.target import host_target

# float32 through sums of at most 180 products.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


class NumpyEngine:
    """Stands in for an engine: runs the region whose text is in the image."""

    opened = 0

    def __init__(self, image: EngineImage, constants: Callable[[], Mapping[str, np.ndarray]]) -> None:
        type(self).opened += 1
        self.region = parse(image.files["region"].decode())
        data = constants()
        for node in self.region.nodes:
            if node.op == "const":
                node.weight = ngc.ir.Weight(node.weight.name, np.array(data[node.name]))  # type: ignore[union-attr]

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        assert all(array.flags.c_contiguous for array in inputs)
        return evaluate(self.region, dict(zip(self.region.input_names, inputs, strict=True)))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type[NumpyEngine]:
    monkeypatch.setattr(NumpyEngine, "opened", 0)
    monkeypatch.setattr(callbacks, "open_engine", NumpyEngine)
    return NumpyEngine


def make_net() -> Graph:
    """A convolution before and one after two engine regions, of which one returns two values."""
    b = GraphBuilder("net")
    rng = np.random.default_rng(0)

    def conv(x: Any, outputs: int, inputs: int, name: str) -> Any:
        return b.op("conv2d", x, b.const(f"{name}_weight", rng.normal(0, 0.2, (outputs, inputs, 3, 3)).astype(np.float32)), pad=(1, 1), name=name)

    x = b.input("data", (SymDim(), 3, 8, 10))
    first = conv(x, 20, 3, "first")
    a = b.op("tanh", first, name="a")
    c = b.op("sigmoid", conv(a, 20, 20, "inside"), name="c")
    second = conv(b.op("add", a, c, name="sum"), 16, 20, "second")
    mean = b.op("reduce_mean", b.op("square", second, name="square"), axes=(2, 3), name="mean")
    graph = b.finish([mean, a], ["scores", "features"])
    graph.stage = "canonical"
    return graph


def not_the_outer_convolutions(node: Node) -> str | None:
    return "stays" if node.name in ("first", "second") else None


def compiled(threads: int = 2) -> Executable:
    graph = make_net()
    outline(graph, plan_by(graph, not_the_outer_convolutions, PartitionOptions()), "neuron")
    PassManager("fuse-conv,fuse-elementwise,eliminate-dead-code,assign-layout").run(graph)
    verify(graph)
    images = {}
    for node in graph.nodes:
        for region in node.regions:
            specs = [tuple(TensorSpec(value.name, value.type.shape, value.type.dtype) for value in values) for values in (region.inputs, region.outputs)]
            files = {"region": str(region).encode(), "log": b""}
            images[node.name] = EngineImage(region.name, "neuron", specs[0], specs[1], files, ("p",), {"family": "cpu"})
    return Executable(build_program(graph, host_target(), numerics="exact", engines=images), graph, threads)


def check(executable: Executable, batch: int = 2) -> None:
    x = np.random.default_rng(batch).normal(size=(batch, 3, 8, 10)).astype(np.float32)
    for actual, wanted in zip(executable.run({"data": x}), evaluate(make_net(), {"data": x}), strict=True):
        np.testing.assert_allclose(actual, wanted, **CLOSE)
    for actual, wanted in zip(executable.run_poisoned({"data": x}), executable.run({"data": x}), strict=True):
        np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_calls_reach_the_engine_and_come_back(engine: type[NumpyEngine], threads: int) -> None:
    executable = compiled(threads)
    assert [image.name for image in executable.engines] == ["Neuron0", "Neuron1"]
    assert engine.opened == 0
    for batch in (1, 3):
        check(executable, batch)
    assert engine.opened == 2
    assert executable.graph.count()["engine.call"] == 2


SAME_NAME = """graph @net(%x: f32[3]) stage("lowered") {
  %part = engine.call(%x) {engine="neuron"} : f32[3] {
    graph @Outer(%x: f32[3]) stage("lowered") {
      %y = sin(%x) : f32[3]
      return %y
    }
  }
  %loop = loop(%part) {carried=1, steps=2} : f32[3] {
    graph @body(%s: f32[3]) stage("lowered") {
      %part = engine.call(%s) {engine="neuron"} : f32[3] {
        graph @Inner(%x: f32[3]) stage("lowered") {
          %y = exp(%x) : f32[3]
          return %y
        }
      }
      return %part
    }
  }
  return %loop
}"""


@pytest.mark.parametrize("built", [("part",), ("part", "loop/body/part")])
def test_calls_of_one_name_in_and_outside_a_loop_reach_their_own_engines(built: tuple[str, ...], engine: type[NumpyEngine]) -> None:
    graph = parse(SAME_NAME)
    regions = {scope + node.name: node.regions[0] for scope, node in graph.scoped_nodes() if node.op == "engine.call"}
    spec = (TensorSpec("x", (3,), "f32"),)
    images = {name: EngineImage(regions[name].name, "neuron", spec, (TensorSpec("y", (3,), "f32"),), {"region": str(regions[name]).encode()}) for name in built}
    x = np.array([0.5, -1.0, 2.0], np.float32)
    executable = Executable(build_program(graph, host_target(), engines=images), graph, 2)
    np.testing.assert_allclose(executable.run({"x": x})[0], np.exp(np.exp(np.sin(x))), **CLOSE)
    assert engine.opened == len(built)


def test_many_threads_open_an_engine_once(engine: type[NumpyEngine]) -> None:
    executable = compiled()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda batch: check(executable, batch), [1, 2, 3, 4] * 3))
    assert engine.opened == 2


def test_a_profile_names_the_engine_calls(engine: type[NumpyEngine]) -> None:
    executable = compiled()
    profile = executable.profile({"data": np.zeros((1, 3, 8, 10), np.float32)}, runs=2)
    assert [kernel.op for kernel in profile.kernels].count("engine.call") == 2
    assert "Neuron0 on neuron" in profile.table()


def test_a_missing_device_is_found_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(image: EngineImage, constants: Any) -> Any:
        raise EngineError(f"no device for {image.name}")

    monkeypatch.setattr(callbacks, "open_engine", missing)
    executable = compiled()
    results = [np.full((1, 16), 7, np.float32), np.full((1, 20, 8, 10), 7, np.float32)]
    with pytest.raises(EngineError, match=r"^no device for Neuron0$"):
        executable.run({"data": np.zeros((1, 3, 8, 10), np.float32)}, out=results)
    assert all((array == 7).all() for array in results)


def test_what_an_engine_raises_reaches_the_run(engine: type[NumpyEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: NumpyEngine, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        raise EngineError("out of memory")

    executable = compiled()
    check(executable)
    monkeypatch.setattr(engine, "run", broken)
    with pytest.raises(EngineError, match="out of memory"):
        executable.run({"data": np.zeros((1, 3, 8, 10), np.float32)})


def test_errors_of_one_run_do_not_reach_the_next(engine: type[NumpyEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first region failed the second computes with zeros, and fails too."""
    executable = compiled()
    calls: list[int] = []
    working = engine.run

    def moody(self: NumpyEngine, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        calls.append(len(calls))
        if len(calls) <= 2:
            raise EngineError(f"call {len(calls)} failed")
        return working(self, inputs)

    monkeypatch.setattr(engine, "run", moody)
    with pytest.raises(EngineError, match=r"^call 1 failed$"):
        executable.run({"data": np.zeros((1, 3, 8, 10), np.float32)})
    check(executable, 1)


def test_an_engine_that_returns_another_shape(engine: type[NumpyEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    executable = compiled()
    monkeypatch.setattr(engine, "run", lambda self, inputs: [np.zeros((1,), np.float32)] * 2)
    with pytest.raises(ValueError, match=r"the evaluation gave \(1,\) where \(1, 20, 8, 10\) is expected"):
        executable.run({"data": np.zeros((1, 3, 8, 10), np.float32)})


def test_an_artifact_of_before_there_were_engines(tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    graph = make_net()
    path = tmp_path / "net.ngc"
    ngc.compile(graph).save(path)
    file = open_artifact(path)
    manifest = {name: value for name, value in file.manifest.items() if name not in ("sections", "engines", "callbacks")}
    sections = [NewSection(name, [bytes(section.read())]) for name, section in file.sections.items()]
    write_artifact(path, {**manifest, "abi": 1, "references": {}}, sections)
    assert main(["info", str(path)]) == 0
    assert "engines" not in capsys.readouterr().out
    assert main(["info", str(path), "--save-engines", str(tmp_path)]) == 1
    assert "holds no engines" in capsys.readouterr().err
    check(ngc.load(path))
    assert "compiling its IR again" in caplog.text


def test_artifacts_keep_engines(engine: type[NumpyEngine], tmp_path: Path) -> None:
    executable = compiled()
    executable.save(tmp_path / "net.ngc")
    loaded = ngc.load(tmp_path / "net.ngc")
    assert loaded.engines == executable.engines
    check(loaded)
    loaded.save(tmp_path / "again.ngc")
    assert (tmp_path / "again.ngc").read_bytes() == (tmp_path / "net.ngc").read_bytes()


def test_loading_without_the_device(engine: type[NumpyEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(image: EngineImage, constants: Any) -> Any:
        raise EngineError(f"no device for {image.name}")

    compiled().save(tmp_path / "net.ngc")
    monkeypatch.setattr(callbacks, "open_engine", missing)
    with pytest.raises(EngineError, match=r"net\.ngc cannot run on this machine: no device for Neuron0"):
        ngc.load(tmp_path / "net.ngc")


def test_a_damaged_engine_is_found_at_load(engine: type[NumpyEngine], tmp_path: Path) -> None:
    path = tmp_path / "net.ngc"
    compiled().save(path)
    data = path.read_bytes()
    place = data.rindex(b"graph @Neuron1")
    path.write_bytes(data[:place] + b"G" + data[place + 1:])
    with pytest.raises(ArtifactError, match=r"net\.ngc is altered: bytes 0 to [0-9]+ of its section 'engine1\.region' differ"):
        ngc.load(path)


def test_an_artifact_of_an_older_ngc_keeps_its_engines(engine: type[NumpyEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable = compiled()
    with monkeypatch.context() as older:
        older.setattr(ngc, "__version__", "0.0.9")
        executable.save(tmp_path / "net.ngc")
    loaded = ngc.load(tmp_path / "net.ngc")
    assert loaded.engines == executable.engines
    check(loaded)


def test_a_clone_of_the_graph_has_regions_of_its_own() -> None:
    graph = make_net()
    outline(graph, plan_by(graph, not_the_outer_convolutions, PartitionOptions()), "neuron")
    twin = clone(graph)
    assert str(twin) == str(graph)
    assert {id(region) for region in twin.with_regions()}.isdisjoint({id(region) for region in graph.with_regions()})
