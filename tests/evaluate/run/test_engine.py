"""Engines in this process."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from examples.digits_data import held_out_digits
from examples.digits_network import KEPT
from ngc.errors import EvaluationError
from ngc.evaluate.manifest import Manifest, ModelFiles, fetch_model, find_manifest, load_manifest
from ngc.evaluate.run.engine import Build, LocalEngine, calibrate_model

ALONE = Build(threads=1)


@dataclass(frozen=True)
class Model:
    """The digits network, compiled."""

    manifest: Manifest
    files: ModelFiles
    engine: LocalEngine


@pytest.fixture(scope="module")
def digits() -> Model:
    manifest = find_manifest("digits")
    files = fetch_model(manifest)
    return Model(manifest, files, LocalEngine.compile(files, manifest, ALONE))


def test_what_an_engine_is(digits: Model) -> None:
    assert (digits.engine.target, digits.engine.precision, digits.engine.description) == ("cpu", "fp32", "cpu, 1 thread")
    assert digits.engine.weight_bytes == digits.engine.executable.memory.weights
    assert digits.engine.processor


def test_probabilities_are_those_of_mxnet(digits: Model, mx: ModuleType) -> None:
    images = held_out_digits().images
    symbol, arguments, auxiliary = mx.model.load_checkpoint(str(KEPT), 0)
    module = mx.mod.Module(mx.sym.softmax(symbol), label_names=None)
    module.bind(data_shapes=[("data", images.shape)], for_training=False)
    module.set_params(arguments, auxiliary)
    module.forward(mx.io.DataBatch([mx.nd.array(images)]), is_train=False)
    wanted = module.get_outputs()[0].asnumpy()
    given = digits.manifest.probabilities(digits.engine.predict(images))
    # Scores are sums of at most 64 * 9 products in each of eight layers; a softmax enlarges their relative differences by the scores' size, about 20, at most.
    np.testing.assert_allclose(given, wanted, rtol=0, atol=20 * 8 * np.sqrt(576) * 2**-24)
    assert (given.argmax(1) == wanted.argmax(1)).all()


def test_traced_predictions_are_the_same_to_the_bit(digits: Model) -> None:
    images = held_out_digits().images[:5]
    outputs, profile = digits.engine.predict_traced(images)
    assert np.array_equal(outputs[0], digits.engine.predict(images)[0])
    assert profile.batch == 5


def test_a_saved_executable_is_loaded(digits: Model, tmp_path: Path) -> None:
    path = tmp_path / "digits.ngc"
    digits.engine.executable.save(path)
    files = ModelFiles(path, path, (), "digest")
    images = held_out_digits().images[:3]
    loaded = LocalEngine.compile(files, digits.manifest, ALONE)
    assert np.array_equal(loaded.predict(images)[0], digits.engine.predict(images)[0])
    for build, message in (
        (Build(precision="int8"), "was compiled in fp32, not in int8"),
        (Build(target="tensorrt"), "was compiled for cpu, not for tensorrt"),
        (Build(tune=True, fallback="reference"), "was compiled before; --fallback and --tune would have been part of that"),
    ):
        with pytest.raises(EvaluationError, match=f"^{path} {message}$"):
            LocalEngine.compile(files, digits.manifest, build)
    with pytest.raises(EvaluationError, match="is a saved artifact; a checkpoint can be calibrated, an artifact was before it was compiled"):
        calibrate_model(files, digits.manifest, [images], ALONE)


def test_another_input_than_the_manifest_says_is_refused(digits: Model, tmp_path: Path) -> None:
    path = tmp_path / "small.yml"
    path.write_text(digits.manifest.source.read_text().replace("input_layer: data", "input_layer: image"))
    with pytest.raises(EvaluationError) as caught:
        LocalEngine(digits.engine.executable, load_manifest(path), "digits.ngc")
    assert str(caught.value) == ("digits.ngc takes data['N', 1, 8, 8]; the manifest of digits says image['N', 1, 8, 8], N being a batch of any size")


def test_int8_needs_calibration(digits: Model) -> None:
    with pytest.raises(EvaluationError, match=r"--calibration=FILE names a table of `ngc calibrate`, --calibration_images=N takes the first inputs$"):
        LocalEngine.compile(digits.files, digits.manifest, Build(precision="int8", threads=1))
    with pytest.raises(EvaluationError, match=r"^there is no input to calibrate with"):
        calibrate_model(digits.files, digits.manifest, [], ALONE)


def test_int8_is_calibrated_with_inputs(digits: Model) -> None:
    images = held_out_digits().images
    table = calibrate_model(digits.files, digits.manifest, [images[:32], images[32:64]], ALONE)
    assert table.examples == 64
    engine = LocalEngine.compile(digits.files, digits.manifest, Build(precision="int8", threads=1, calibration=table))
    assert engine.precision == "int8"
    assert engine.weight_bytes < digits.engine.weight_bytes / 2
    same = engine.predict(images)[0].argmax(1) == digits.engine.predict(images)[0].argmax(1)
    assert same.mean() > 0.97


def test_inputs_of_an_unknown_size_are_refused(digits: Model, tmp_path: Path) -> None:
    path = tmp_path / "tokens.yml"
    path.write_text(digits.manifest.source.read_text().replace("type: image", "type: tokens").replace("      dimensions: [1, 8, 8]\n", ""))
    with pytest.raises(EvaluationError, match=f"^{path}: inputs\\[0\\].parameters.dimensions are missing; a model is compiled for inputs of a known size$"):
        LocalEngine.compile(digits.files, load_manifest(path), ALONE)


def test_a_model_of_several_inputs_is_refused(digits: Model, tmp_path: Path) -> None:
    path = tmp_path / "pairs.yml"
    text = digits.manifest.source.read_text()
    begin, end = text.index("  - type: image"), text.index("output:")
    path.write_text(text[:end] + text[begin:end] + text[end:])
    with pytest.raises(EvaluationError, match=f"^{path}: digits has 2 inputs; models of one input can be evaluated$"):
        LocalEngine.compile(digits.files, load_manifest(path), ALONE)


def test_inputs_that_cannot_be_calibrated_with(digits: Model) -> None:
    with pytest.raises(EvaluationError, match=r"^calibration with the first inputs of the data set failed: .*"):
        calibrate_model(digits.files, digits.manifest, [np.full((2, 1, 8, 8), np.inf, np.float32)], ALONE)
