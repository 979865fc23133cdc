"""Engines on a real GPU: numbers against the reference evaluator, the range of batches, many threads. Run by `pytest -m gpu` where there is a GPU."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ngc.codegen.tensorrt import PROVIDERS, build_tensorrt, load_library
from ngc.codegen.tensorrt.provider import known_capabilities
from ngc.engines import EngineOptions, EngineTarget
from ngc.errors import EngineError, InputError
from ngc.ir import Graph, evaluate
from ngc.runtime.engines.cuda import CudaDevice
from ngc.runtime.engines.tensorrt import TensorRtEngine
from tests.runtime.engines.regions import PASSES, TOLERANCES, images, prepared

pytestmark = pytest.mark.gpu


def engine_of(region: Graph, precision: str, provider: str, batch: tuple[int, int, int] = (1, 4, 8)) -> TensorRtEngine:
    """Builds for the GPU at hand and loads; skips the test where the provider is not installed or has no support for that GPU."""
    try:
        library = load_library(PROVIDERS[provider])
    except EngineError as error:
        pytest.skip(str(error))
    device = CudaDevice.open()
    if PROVIDERS[provider].named_capabilities and device.capability not in known_capabilities(library):
        pytest.skip(f"{PROVIDERS[provider].title} does not run on the {device.name} ({device.capability})")
    return TensorRtEngine(build_tensorrt(region, "region0", EngineTarget(provider, provider), EngineOptions(batch=batch), precision))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("precision", PASSES)
def test_numbers_are_those_of_the_reference(precision: str, provider: str) -> None:
    region = prepared(precision)
    engine = engine_of(region, precision, provider)
    for batch in (1, 4, 8):
        wanted = evaluate(region, {"data": images(batch)})[0]
        found = engine.run([images(batch)])[0]
        assert np.abs(found - wanted).max() <= TOLERANCES[precision] * np.abs(wanted).max()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_batches_are_those_of_the_profile(provider: str) -> None:
    engine = engine_of(prepared("fp32"), "fp32", provider, (2, 4, 6))
    assert engine.run([images(2)])[0].shape == (2, 10)
    for batch in (1, 8):
        with pytest.raises(InputError, match=f"batch {batch} is outside of 2 to 6"):
            engine.run([images(batch)])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_threads_do_not_disturb_one_another(provider: str) -> None:
    engine = engine_of(prepared("fp32"), "fp32", provider)
    alone = {batch: engine.run([images(batch)])[0] for batch in (1, 4, 8)}

    def run(number: int) -> None:
        batch = (1, 4, 8)[number % 3]
        np.testing.assert_array_equal(engine.run([images(batch)])[0], alone[batch])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(120)))


def test_an_engine_for_another_gpu_says_so() -> None:
    try:
        library = load_library(PROVIDERS["tensorrt-rtx"])
    except EngineError as error:
        pytest.skip(str(error))
    here = CudaDevice.open().capability
    other = next(name for name in reversed(known_capabilities(library)) if name != here)  # the first has no products of f32
    target = EngineTarget(f"tensorrt-rtx:{other}", "tensorrt-rtx", (other,))
    image = build_tensorrt(prepared("fp32"), "region0", target, EngineOptions(), "fp32")
    with pytest.raises(EngineError, match=rf"region0 \(for {other}\) cannot run here: the .* is {here}"):
        TensorRtEngine(image)
