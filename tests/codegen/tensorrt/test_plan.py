"""Plans from ONNX models on the real builder of TensorRT for RTX, which needs no GPU, and what it and its parser say against them."""

import contextlib
import dataclasses
import logging
import os
import sys
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ngc.codegen.tensorrt.messages import messages_of
from ngc.codegen.tensorrt.plan import Plan, build_plan
from ngc.codegen.tensorrt.progress import make_monitor
from ngc.codegen.tensorrt.provider import PROVIDERS, check_capabilities, known_capabilities, load_library
from ngc.codegen.tensorrt.timing_cache import keep_timing_cache, use_timing_cache
from ngc.engines import EngineOptions
from ngc.errors import EngineError
from tests.codegen.tensorrt.models import RESULT, SPEC, conv_model

RTX = PROVIDERS["tensorrt-rtx"]

library = pytest.importorskip("tensorrt_rtx")
pytest.importorskip("onnx")


def build(model: bytes | Path, *capabilities: str, options: EngineOptions | None = None, name: str = "region0") -> Plan:
    """Builds a plan of a model with `SPEC` for its input."""
    return build_plan(model, name, (SPEC,), (RESULT,), RTX, capabilities, options or EngineOptions())


def test_a_plan_for_two_capabilities_and_what_is_known_of_it() -> None:
    plan = build(conv_model(), "sm86", "sm89", options=EngineOptions(batch=(2, 4, 8)))
    facts = dict(plan.facts)
    assert len(plan.data) == facts.pop("plan_bytes") > 10_000
    assert facts.pop("build_seconds") > 0
    assert facts == {
        "provider": "tensorrt-rtx", "version": library.__version__, "parser_version": library.get_nv_onnx_parser_version(), "capabilities": ["sm86", "sm89"],
        "batch": [2, 4, 8], "warnings": [],
        "inspected": {
            "layers": [{"name": "node0", "kind": "convolution"}, {"name": "node1", "kind": "activation"}],
            "kinds": {"convolution": 1, "activation": 1},
            "bindings": [{"name": "x", "mode": "input", "dtype": "float", "shape": [-1, 16, 8, 8]},
                         {"name": "y", "mode": "output", "dtype": "float", "shape": [-1, 8, 8, 8]}],
        },
    }


def test_a_model_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(conv_model())
    assert build(tmp_path / "model.onnx", "sm86").data


def test_every_error_of_the_parser_with_its_node() -> None:
    with pytest.raises(EngineError, match=r"TensorRT for RTX [0-9.]+ does not take region0:\n  node1 \(NoSuchOperator\): .*Plugin not found.*\n"
                                          r"  node3 \(NorThisOne\): .*Plugin not found"):
        build(conv_model("NoSuchOperator", "Relu", "NorThisOne"), "sm86")
    with pytest.raises(EngineError, match=r"does not take region0:\n  node0 \(Conv\): .*Kernel weight dimension failed to broadcast"):
        build(conv_model(inputs=5), "sm86")


def test_what_is_no_model() -> None:
    with pytest.raises(EngineError, match=r"does not take region0:\n  node -1 \(model\): .*Failed to parse the ONNX model"):
        build(b"no model", "sm86")
    with pytest.raises(EngineError, match="does not take region0"):
        build(Path("/nowhere/model.onnx"), "sm86")


def test_what_the_builder_says_against_a_network() -> None:
    with pytest.raises(EngineError, match=r"cannot build region0 \(it may use 1 bytes of workspace\): .*no tactics to implement the operation"):
        build(conv_model(), "sm86", options=EngineOptions(workspace=1))
    with pytest.raises(EngineError, match=r"cannot build region0: .*no optimization profile has been defined"):
        build_plan(conv_model(), "region0", (), (), RTX, ("sm86",), EngineOptions())


def test_what_the_bindings_refuse() -> None:
    with pytest.raises(EngineError, match=r"TensorRT for RTX failed to build region0: set_memory_pool_limit\(\): incompatible function arguments"):
        build(conv_model(), "sm86", options=EngineOptions(workspace=2**70))


def test_an_unknown_capability() -> None:
    with pytest.raises(EngineError, match=r"TensorRT for RTX [0-9.]+ builds for sm75, sm80, sm86, sm89, .*, not for sm42$"):
        build(conv_model(), "sm86", "sm42")


def test_a_library_that_builds_for_the_gpu_at_hand_only() -> None:
    provider = PROVIDERS["tensorrt"]
    with pytest.raises(EngineError, match="TensorRT 10 builds for the GPU at hand only, not for sm86"):
        check_capabilities(provider, types.SimpleNamespace(__version__="10"), ("sm86",))


@contextlib.contextmanager
def _without_gpu() -> Iterator[None]:
    """Skips what a machine with a GPU does not refuse."""
    try:
        yield
    except pytest.fail.Exception:
        pytest.skip("this machine has a GPU")


def test_no_capability_and_no_gpu() -> None:
    message = (r"TensorRT for RTX [0-9.]+ builds region0 for the GPU at hand and finds none \(cudaError [0-9]+: .*\): name compute capabilities in the target, "
               r"such as tensorrt-rtx:sm86,sm89; this version has sm75")
    with _without_gpu(), pytest.raises(EngineError, match=message):
        build(conv_model())


@pytest.mark.parametrize(("engine", "message"), [
    ("tensorrt-rtx", r"TensorRT for RTX is not installed: pip install wheel setuptools && pip install --no-build-isolation tensorrt-rtx-cu13$"),
    ("tensorrt", r"TensorRT is not installed: pip install tensorrt-cu13; it also needs an NVIDIA GPU and its driver, for which it builds$"),
])
def test_a_library_that_is_not_installed(engine: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_module(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", no_module)
    with pytest.raises(EngineError, match=message):
        build_plan(b"", "region0", (), (), PROVIDERS[engine], (), EngineOptions())


@pytest.mark.parametrize("error", [ImportError("libcudart.so.13: cannot open shared object file"), OSError("libnvinfer.so.10: file too short")])
def test_a_library_that_does_not_load(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise error

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(EngineError, match=rf"TensorRT does not load \({error}\): pip install tensorrt-cu13"):
        load_library(PROVIDERS["tensorrt"])


def test_a_builder_that_finds_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    # TensorRT's own builder answers so where there is no driver; the module that stands in for it has nothing else.
    def builder(logger: Any) -> Any:
        logger.log(types.SimpleNamespace(name="ERROR"), "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    class ILogger:
        """The base of loggers."""

    stand_in = types.ModuleType("tensorrt")
    vars(stand_in).update(ILogger=ILogger, Builder=builder, __version__="10.0")
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in)
    with pytest.raises(EngineError, match=r'TensorRT 10.0 builds region0 for the GPU at hand and finds none \(CUDA initialization failure with error: 35\): '
                                          r'target="tensorrt-rtx:sm86" builds for a GPU without one'):
        build_plan(b"", "region0", (), (), PROVIDERS["tensorrt"], (), EngineOptions())


def test_builds_in_several_threads() -> None:
    models = [conv_model(), conv_model("NoSuchOperator"), conv_model("Sigmoid"), conv_model("OtherOperator")]

    def attempt(number: int) -> str:
        try:
            return build(models[number % 4], "sm86", name=f"region{number}").facts["inspected"]["layers"][1]["name"]
        except EngineError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(attempt, range(8)))
    for number, text in enumerate(said):
        assert (text == "node1") == (number % 2 == 0)
        if number % 2:
            assert f"does not take region{number}" in text
            assert ("NoSuchOperator" if number % 4 == 1 else "OtherOperator") in text, "each error is about its own model"


def test_the_builder_is_heard_where_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ngc.tensorrt"):
        build(conv_model(), "sm86")
        assert not caplog.records
        build(conv_model(), "sm86", options=EngineOptions(verbose=True))
    assert any("Engine generation completed" in record.message for record in caplog.records)


def test_an_interruption_cancels_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = messages_of(library)

    class Interrupting:
        """Bars during which somebody presses Ctrl-C."""

        def start(self, phase: str, steps: int) -> None:
            raise KeyboardInterrupt

        def advance(self, phase: str, done: int) -> None:
            """Draws nothing."""

        finish = close = lambda self, *arguments: None

    monkeypatch.setattr("ngc.codegen.tensorrt.plan.bars_on_terminal", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        build(conv_model(), "sm86")
    assert messages.interrupt is None
    monkeypatch.undo()
    assert build(conv_model(), "sm86").data, "the next build goes on"


def test_bars_follow_the_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    from ngc.codegen.tensorrt import progress

    assert progress.bars_on_terminal() is None, "nobody looks here"
    monkeypatch.setattr("sys.stderr", types.SimpleNamespace(isatty=lambda: True))
    bars = progress.bars_on_terminal()
    assert bars is not None
    monkeypatch.undo()
    seen: list[str] = []
    monitor = make_monitor(library, messages_of(library), bars)
    monkeypatch.setattr(bars._progress, "start", lambda: seen.append("start"))
    monkeypatch.setattr(bars._progress, "stop", lambda: seen.append("stop"))
    monitor.phase_start("outer", None, 2)
    monitor.phase_start("inner", "outer", 3)
    assert monitor.step_complete("inner", 0)
    assert [task.completed for task in bars._progress.tasks] == [0, 1]
    monitor.phase_finish("inner")
    monitor.phase_finish("outer")
    assert seen == ["start", "stop"]
    assert not bars._progress.tasks


def test_a_timing_cache_means_nothing_for_rtx(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    build(conv_model(), "sm86", options=EngineOptions(timing_cache=tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()
    assert [record.message for record in caplog.records] == [
        "TensorRT for RTX measures when an engine first runs, not when it is built; the timing cache is neither read nor written"]


class RecordingConfig:
    """A stand-in for the builder's configuration of TensorRT, which cannot be had without a GPU; it records what it is given."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.created: list[bytes] = []
        self.cache: Any = None

    def create_timing_cache(self, data: bytes) -> Any:
        self.created.append(data)
        return types.SimpleNamespace(serialize=lambda: b"measured") if self.takes or not data else None

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        self.cache = cache
        return True

    def get_timing_cache(self) -> Any:
        return self.cache


def test_a_timing_cache_is_kept_and_used(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cache"
    config = RecordingConfig()
    use_timing_cache(config, path, messages_of(library))
    keep_timing_cache(config, path)
    assert config.created == [b""]
    assert path.read_bytes() == b"measured"
    assert os.listdir(path.parent) == ["cache"], "nothing is left of writing it"
    use_timing_cache(config, path, messages_of(library))
    assert config.created == [b"", b"measured"]


def test_a_damaged_timing_cache_is_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache"
    path.write_bytes(b"junk")
    config = RecordingConfig(takes=False)
    use_timing_cache(config, path, messages_of(library))
    assert config.created == [b"junk", b""]
    assert config.cache is not None
    assert f"the timing cache {path} is damaged, or of another version or GPU; everything is measured anew" in caplog.text


def test_a_timing_cache_that_cannot_be_read_or_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = RecordingConfig()
    use_timing_cache(config, tmp_path, messages_of(library))
    assert f"the timing cache {tmp_path} cannot be read" in caplog.text
    (tmp_path / "file").write_bytes(b"")
    keep_timing_cache(config, tmp_path / "file" / "cache")
    assert f"the timing cache {tmp_path / 'file' / 'cache'} cannot be written" in caplog.text
    keep_timing_cache(RecordingConfig(), tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists(), "without measurements there is nothing to keep"


def test_the_cache_of_a_provider_that_measures(tmp_path: Path) -> None:
    # TensorRT for RTX still has the interface, which it says is of no use; the build itself goes the same way.
    measuring = dataclasses.replace(RTX, has_timing_cache=True)
    with pytest.warns(DeprecationWarning, match="Timing cache operations are no-ops"):
        build_plan(conv_model(), "region0", (SPEC,), (RESULT,), measuring, ("sm86",), EngineOptions(timing_cache=tmp_path / "cache"))
    assert (tmp_path / "cache").exists()


def test_capabilities_of_the_installed_version() -> None:
    assert {"sm86", "sm89"} <= set(known_capabilities(library))
    assert all(name.startswith("sm") for name in known_capabilities(library))
