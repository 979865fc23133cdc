"""What running TensorRT engines asks of CUDA and of TensorRT, seen on stand-ins that record it, and what is missing on a machine without a GPU, for real."""

import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import TensorSpec
from ngc.errors import EngineError, InputError
from ngc.ir import SymDim
from ngc.runtime.engines.cuda import CudaDevice, load_driver
from ngc.runtime.engines.tensorrt import TensorRtEngine
from tests.runtime.engines.recording import RecordingDriver, RecordingLibrary

SHAPE = (SymDim(), 2, 3)


def image(**facts: Any) -> EngineImage:
    """Returns an engine of one input and one output, for the stand-ins."""
    facts = {"capabilities": ["sm86", "sm89"], "batch": [1, 2, 8], "version": "0.recording", **facts}
    return EngineImage("region0", "tensorrt-rtx", (TensorSpec("x", SHAPE, "f32"),), (TensorSpec("y", SHAPE, "f32"),), {"engine": b"plan"}, facts=facts)


def made(driver: RecordingDriver, **library: bool) -> TensorRtEngine:
    """Returns the engine on stand-ins."""
    return TensorRtEngine(image(), device=driver.device(), library=RecordingLibrary(driver, {"x": "y"}, **library))


def batch_of(size: int) -> np.ndarray:
    """Returns an input."""
    return np.arange(size * 6, dtype=np.float32).reshape(size, 2, 3)


def test_a_run_copies_executes_copies_back_and_waits() -> None:
    driver = RecordingDriver()
    engine = made(driver)
    driver.calls.clear()
    np.testing.assert_array_equal(engine.run([batch_of(2)])[0], batch_of(2))
    assert driver.calls == ["cuCtxSetCurrent", "cuStreamCreate", "cuMemAlloc", "cuMemcpyHtoDAsync", "cuMemAlloc", "execute", "cuMemcpyDtoHAsync",
                            "cuStreamSynchronize"]


def test_a_second_run_uses_the_lane_of_the_first() -> None:
    driver = RecordingDriver()
    engine = made(driver)
    engine.run([batch_of(2)])
    driver.calls.clear()
    np.testing.assert_array_equal(engine.run([batch_of(1)])[0], batch_of(1))
    assert driver.calls == ["cuCtxSetCurrent", "cuMemcpyHtoDAsync", "execute", "cuMemcpyDtoHAsync", "cuStreamSynchronize"]


def test_memory_grows_with_the_batch_and_goes_with_the_lanes() -> None:
    driver = RecordingDriver()
    engine = made(driver)
    engine.run([batch_of(1)])
    np.testing.assert_array_equal(engine.run([batch_of(8)])[0], batch_of(8))
    assert sorted(len(block) for block in driver.memory.values()) == [8 * 24, 8 * 24]
    engine.close()
    assert not driver.memory
    assert not driver.streams
    np.testing.assert_array_equal(engine.run([batch_of(1)])[0], batch_of(1))


def test_memory_goes_with_the_engine() -> None:
    driver = RecordingDriver()
    engine = made(driver)
    engine.run([batch_of(2)])
    assert driver.memory
    del engine
    gc.collect()
    assert not driver.memory
    assert not driver.streams


def test_runs_at_once_have_lanes_of_their_own() -> None:
    driver = RecordingDriver()
    library = RecordingLibrary(driver, {"x": "y"})
    engine = TensorRtEngine(image(), device=driver.device(), library=library)
    meet = threading.Barrier(4, timeout=30)

    def run(size: int) -> None:
        meet.wait()
        for _ in range(5):
            np.testing.assert_array_equal(engine.run([batch_of(size)])[0], batch_of(size))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, (1, 2, 5, 8)))
    assert 1 <= library.made <= 4
    assert len(driver.streams) == library.made, "each lane has its own stream"
    with engine._lane() as one, engine._lane() as two:
        assert one.stream != two.stream
        assert one.context is not two.context


@pytest.mark.parametrize("function", ["cuMemAlloc", "cuMemcpyHtoDAsync", "cuMemcpyDtoHAsync", "cuStreamSynchronize"])
def test_what_fails_takes_its_lane_along(function: str) -> None:
    driver = RecordingDriver()
    engine = made(driver)
    driver.fail.add(function)
    with pytest.raises(EngineError, match=f"CUDA's {function} failed: out of memory"):
        engine.run([batch_of(2)])
    assert not driver.memory
    assert not driver.streams
    driver.fail.clear()
    np.testing.assert_array_equal(engine.run([batch_of(2)])[0], batch_of(2))


def test_a_stream_that_cannot_be_made() -> None:
    driver = RecordingDriver()
    engine = made(driver)
    driver.fail.add("cuStreamCreate")
    with pytest.raises(EngineError, match="CUDA's cuStreamCreate failed"):
        engine.run([batch_of(2)])
    assert not driver.memory


def test_growing_memory_that_fails_is_freed_once() -> None:
    driver = RecordingDriver()
    engine = made(driver)
    engine.run([batch_of(1)])
    driver.fail.add("cuMemAlloc")
    with pytest.raises(EngineError, match="out of memory"):
        engine.run([batch_of(8)])
    assert not driver.memory


@pytest.mark.parametrize(("part", "message"), [
    ("runs", "region0 failed on the GPU: an illegal address was met"),
    ("contexts", "no execution context for region0: out of device memory"),
    ("takes", r"region0 does not take 'x' of shape \(2, 2, 3\): the profile is another"),
])
def test_what_tensorrt_refuses_is_quoted(part: str, message: str) -> None:
    driver = RecordingDriver()
    engine = made(driver, **{part: False})
    with pytest.raises(EngineError, match=message):
        engine.run([batch_of(2)])
    assert not driver.memory
    assert not driver.streams


def test_a_batch_that_the_engine_was_not_built_for() -> None:
    engine = made(RecordingDriver())
    with pytest.raises(InputError, match=r"batch 9 is outside of 1 to 8, for which the engine region0 was built; ngc.EngineOptions\(batch="):
        engine.run([batch_of(9)])


def test_arrays_that_do_not_fit() -> None:
    engine = made(RecordingDriver())
    with pytest.raises(InputError, match="the engine region0 takes 1 inputs, not 2"):
        engine.run([batch_of(1), batch_of(1)])
    with pytest.raises(InputError, match=r"input 'x' has shape \(2, 3\)"):
        engine.run([batch_of(1)[0]])


def test_an_engine_without_a_symbolic_batch_takes_its_own() -> None:
    driver = RecordingDriver()
    fixed = EngineImage("region0", "tensorrt-rtx", (TensorSpec("x", (4, 6), "f32"),), (TensorSpec("y", (4, 6), "f32"),), {"engine": b"plan"},
                        facts={"capabilities": ["sm86"], "batch": None})
    engine = TensorRtEngine(fixed, device=driver.device(), library=RecordingLibrary(driver, {"x": "y"}))
    data = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.testing.assert_array_equal(engine.run([data])[0], data)


def test_a_plan_that_cannot_be_loaded() -> None:
    with pytest.raises(EngineError, match=r"the TensorRT for RTX engine region0 \(for sm86, sm89, made by version 0.recording\) cannot be loaded by version "
                                          r"0.recording on the Recording GPU \(sm86\): the plan is of another version"):
        made(RecordingDriver(), loads=False)


def test_a_gpu_that_the_image_does_not_hold() -> None:
    driver = RecordingDriver()
    with pytest.raises(EngineError, match=r"engine region0 \(for sm75\) cannot run here: the Recording GPU is sm86"):
        TensorRtEngine(image(capabilities=["sm75"]), device=driver.device(), library=RecordingLibrary(driver, {}))


def test_no_gpu() -> None:
    with pytest.raises(EngineError, match="no GPU can be used: the driver sees none"):
        RecordingDriver(devices=0).device()
    with pytest.raises(EngineError, match="no GPU can be used: CUDA's cuInit failed: out of memory"):
        RecordingDriver(fail=("cuInit",)).device()


def test_no_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(EngineError, match="the package cuda-bindings is missing, through which ngc speaks to the GPU: pip install cuda-bindings"):
        load_driver()


def test_no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(EngineError, match=r"the TensorRT for RTX engine region0 \(for sm86, sm89\) cannot run here: TensorRT for RTX .*pip install"):
        TensorRtEngine(image(), device=RecordingDriver().device())


def _has_driver() -> bool:
    try:
        CudaDevice.open()
    except EngineError:
        return False
    return True


@pytest.mark.skipif(_has_driver(), reason="this machine has a GPU")
def test_a_machine_without_a_driver_says_so() -> None:
    pytest.importorskip("cuda.bindings.driver")
    pytest.importorskip("tensorrt_rtx")
    message = (r"the TensorRT for RTX engine region0 \(for sm86, sm89\) cannot run here: "
               "(no NVIDIA driver is installed: libcuda.so.1 is not found|no GPU can be used)")
    with pytest.raises(EngineError, match=message):
        TensorRtEngine(image())


def test_running_engines_needs_neither_passes_nor_onnx() -> None:
    code = "import sys, ngc.runtime.engines.tensorrt; assert not {'onnx', 'ngc.passes', 'tensorrt_rtx', 'cuda'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
