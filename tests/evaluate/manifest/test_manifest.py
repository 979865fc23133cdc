"""Tests of manifests: what fields take, what is said about those that do not fit, and what follows from a manifest."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import ngc
from ngc.errors import ManifestError
from ngc.evaluate.inputs import Preprocessing
from ngc.evaluate.manifest import Manifest, load_manifest, to_yaml
from tests.evaluate.manifest.samples import SAMPLE, changed, write

DIMENSIONS = "expected: three whole numbers from 1: channels (1 or 3), height and width, in this order for every layout"
CHECKSUM = "expected: an MD5 or SHA-256 checksum of 32 or 64 hexadecimal digits, or nothing"
PARAMETERS = "inputs.0.parameters"


def load(tmp_path: Path, data: Any = SAMPLE) -> Manifest:
    return load_manifest(write(tmp_path / "m.yml", data))


def message(tmp_path: Path, data: Any) -> str:
    """Returns what is said about a manifest, without its path."""
    with pytest.raises(ManifestError) as raised:
        load(tmp_path, data)
    return str(raised.value).replace(f"{tmp_path / 'm.yml'}:", "")


def test_fields(tmp_path):
    manifest = load(tmp_path)
    assert (manifest.name, manifest.version, manifest.framework.name, manifest.framework.version) == ("Sample", "1.2", "MXNet", ">=1.1.0")
    assert manifest.source == tmp_path / "m.yml"
    assert manifest.input_layer == "data"
    assert manifest.inputs[0].type == "image"
    assert manifest.inputs[0].parameters.dimensions == (3, 32, 48)
    assert (manifest.output.type, manifest.output.parameters.probabilities_transform) == ("classification", "softmax")
    assert (manifest.model.base_url, manifest.model.is_archive, manifest.model.graph_checksum) == ("files", False, "")
    assert manifest.attributes["Top1"] == 77.36


def test_a_version_is_text(tmp_path):
    path = tmp_path / "m.yml"
    path.write_text(yaml.safe_dump(SAMPLE).replace("version: '1.2'", "version: 1.10").replace("'>=1.1.0'", "1.4"))
    manifest = load_manifest(path)
    assert (manifest.version, manifest.framework.version) == ("1.10", "1.4")


def test_a_checksum_is_text_even_of_digits_alone(tmp_path):
    path = tmp_path / "m.yml"
    path.write_text(yaml.safe_dump(SAMPLE).replace("graph_checksum: null", "graph_checksum: 00000000000000000000000000000012"))
    assert load_manifest(path).model.graph_checksum == "0" * 30 + "12"


def test_unknown_fields_are_kept_and_shown(tmp_path):
    data = changed("model.mirror", "http://there")
    data[PARAMETERS] = {"a": [1, None, "x"]}
    manifest = load(tmp_path, data)
    shown = yaml.safe_load(to_yaml(manifest))
    assert shown["container"] == SAMPLE["container"]
    assert shown["model"]["mirror"] == "http://there"
    assert shown[PARAMETERS] == {"a": [1, None, "x"]}


def test_what_is_shown_reads_the_same(tmp_path):
    first = to_yaml(load(tmp_path))
    (tmp_path / "m.yml").write_text(first)
    assert to_yaml(load_manifest(tmp_path / "m.yml")) == first
    assert "dimensions: [3, 32, 48]" in first
    assert "input_layer" not in to_yaml(load(tmp_path, changed(f"{PARAMETERS}.input_layer")))


@pytest.mark.parametrize(("path", "value", "expected"), [
    ("name", "", "name: ''; expected: the model's name"),
    ("name", "a\nb", "name: 'a\\nb'; expected: the model's name"),
    ("name", ["a"], "name: ['a']; expected: the model's name"),
    ("name", None, "name: nothing; expected: the model's name"),
    ("version", "first", "version: 'first'; expected: the model's version, such as 1.0 or 2.1.3"),
    ("framework", "MXNet", "framework: 'MXNet'; expected: a mapping of name and version"),
    ("framework.name", "TensorFlow", "framework.name: 'TensorFlow'; expected: MXNet or ngc"),
    ("framework.version", "^1.0", "framework.version: '^1.0'; expected: a version such as 1.4.0, or a constraint such as >=1.1.0,<2"),
    ("framework.version", ">=2.5", "framework.version: '>=2.5' is met by no MXNet whose files ngc reads; those are 0.8.0 to 1.9.1"),
    ("inputs", [], "inputs: []; expected: a list of the model's inputs, each a mapping of type and parameters"),
    ("inputs", "image", "inputs: 'image'; expected: a list of the model's inputs, each a mapping of type and parameters"),
    ("inputs.0", 3, "inputs[0]: 3; expected: a list of the model's inputs, each a mapping of type and parameters"),
    ("inputs.0.type", 3, "inputs[0].type: 3; expected: image, or the name of another kind of input"),
    (f"{PARAMETERS}", None, f"inputs[0].parameters.dimensions: missing; {DIMENSIONS}"),
    (f"{PARAMETERS}", [1], "inputs[0].parameters: [1]; expected: a mapping of element_type, input_layer, layout, color_mode, dimensions, mean and scale"),
    (f"{PARAMETERS}.element_type", "float", "inputs[0].parameters.element_type: 'float'; expected: one of float16, float32, float64, int8, int32, uint8"),
    (f"{PARAMETERS}.layout", "WHC", "inputs[0].parameters.layout: 'WHC'; expected: one of CHW, NCHW, HWC, NHWC"),
    (f"{PARAMETERS}.color_mode", "YUV", "inputs[0].parameters.color_mode: 'YUV'; expected: RGB, BGR or GRAY"),
    (f"{PARAMETERS}.color_mode", "GRAY", "inputs[0].parameters.color_mode: 'GRAY' for dimensions with 3 channels; RGB and BGR have 3, GRAY has 1"),
    (f"{PARAMETERS}.dimensions", [3, 224], f"inputs[0].parameters.dimensions: [3, 224]; {DIMENSIONS}"),
    (f"{PARAMETERS}.dimensions", [4, 8, 8], f"inputs[0].parameters.dimensions: [4, 8, 8]; {DIMENSIONS}"),
    (f"{PARAMETERS}.dimensions", "3x8x8", f"inputs[0].parameters.dimensions: '3x8x8'; {DIMENSIONS}"),
    (f"{PARAMETERS}.dimensions", [3, "8", 8], f"inputs[0].parameters.dimensions[1]: '8'; {DIMENSIONS}"),
    (f"{PARAMETERS}.dimensions", [3, 8, 0], f"inputs[0].parameters.dimensions[2]: 0; {DIMENSIONS}"),
    (f"{PARAMETERS}.dimensions", [3, 8, True], f"inputs[0].parameters.dimensions[2]: True; {DIMENSIONS}"),
    (f"{PARAMETERS}.dimensions", [3, 9000, 9000],
     "inputs[0].parameters.dimensions: [3, 9000, 9000] are 243000000 numbers for one image; at most 67108864 are possible"),
    (f"{PARAMETERS}.mean", "no", "inputs[0].parameters.mean: 'no'; expected: a number, or a list with one for each channel"),
    (f"{PARAMETERS}.mean", [1, 2], "inputs[0].parameters.mean: a list of 2 for dimensions with 3 channels"),
    (f"{PARAMETERS}.mean", float("nan"), "inputs[0].parameters.mean: nan; expected: a number, or a list with one for each channel"),
    (f"{PARAMETERS}.scale", 0, "inputs[0].parameters.scale: 0; expected: a number above 0, which pixels are divided by, or a list with one for each channel"),
    (f"{PARAMETERS}.scale", [1, -2, 3],
     "inputs[0].parameters.scale: [1, -2, 3]; expected: a number above 0, which pixels are divided by, or a list with one for each channel"),
    ("output", 1, "output: 1; expected: a mapping of type and parameters"),
    ("output.parameters.probabilities_layer", "prob", "output.parameters.probabilities_layer: 'prob'; expected: a whole number from 0: which of the model's "
     "outputs it is"),
    ("output.parameters.probabilities_transform", "sigmoid", "output.parameters.probabilities_transform: 'sigmoid'; expected: softmax, or none where the "
     "output is probabilities already"),
    ("output.parameters.features_checksum", "abc", f"output.parameters.features_checksum: 'abc'; {CHECKSUM}"),
    ("model", None, "model.graph_path: missing; expected: the file of the symbol, or of an executable that ngc saved (*.ngc): a path relative to base_url, "
     "or an address"),
    ("model.is_archive", "yes please", "model.is_archive: 'yes please'; expected: true or false: whether base_url is a zip or tar file that has the two files"),
    ("model.graph_checksum", "g" * 32, f"model.graph_checksum: '{'g' * 32}'; {CHECKSUM}"),
    ("model.weights_path", None, "model.weights_path: nothing; expected: the file of the parameters: a path relative to base_url, or an address"),
    ("attributes", [1], "attributes: [1]; expected: a mapping of whatever else is to be known, such as Top1"),
])  # fmt: skip
def test_what_does_not_fit_is_told(tmp_path, path, value, expected):
    place, _, said = message(tmp_path, changed(path, value)).partition(": ")
    assert said == expected
    line, _column = map(int, place.split(":"))
    last = path.split(".")[-1]
    text = (tmp_path / "m.yml").read_text().splitlines()[line - 1]
    assert last.isdigit() or last in text or text.strip().startswith("-")


@pytest.mark.parametrize("field", ["name", "version", "framework", "inputs", "output", "model"])
def test_what_is_missing_is_told(tmp_path, field):
    assert message(tmp_path, changed(field)).startswith(f"1:1: {field}: missing; expected: ")


def test_numbers_that_no_float_can_be_are_told(tmp_path):
    assert "inputs[0].parameters.scale: 1000" in message(tmp_path, changed(f"{PARAMETERS}.scale", 10**400))


def test_what_belongs_together_is_told(tmp_path):
    both = changed("output.parameters", {"features": "a.txt", "features_url": "b.txt"})
    assert message(tmp_path, both).endswith("output.parameters.features: there is features_url too; one of them is possible")
    archive = changed("model", {"graph_path": "a", "weights_path": "b", "is_archive": True})
    assert message(tmp_path, archive).endswith("model.base_url: missing; expected: the address or path of the archive, as is_archive is true")
    this = changed("framework", {"name": "ngc", "version": "<0.0.1"})
    assert message(tmp_path, this).endswith(f"framework.version: '<0.0.1' is not met by ngc {ngc.__version__}, which is running")


def test_all_is_told_at_once_with_lines_and_columns(tmp_path):
    data = changed(f"{PARAMETERS}.layout", "WHC")
    data["framework"]["name"] = "Caffe"
    del data["model"]["graph_path"]
    assert message(tmp_path, data).splitlines() == [
        "4:9: framework.name: 'Caffe'; expected: MXNet or ngc",
        "15:13: inputs[0].parameters.layout: 'WHC'; expected: one of CHW, NCHW, HWC, NHWC",
        "34:1: model.graph_path: missing; expected: the file of the symbol, or of an executable that ngc saved (*.ngc): a path relative to base_url, "
        "or an address",
    ]


def test_empty_fields_are_as_good_as_missing_ones(tmp_path):
    data = changed("model.is_archive", None)
    data["output"]["parameters"] = None
    data["attributes"] = None
    data["inputs"][0]["parameters"]["scale"] = None
    manifest = load(tmp_path, data)
    assert (manifest.model.is_archive, manifest.output.parameters.probabilities_layer, manifest.attributes) == (False, 0, {})
    assert manifest.preprocessing(False).scale == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("version", ["", "1.4.0", ">=1.1.0", "~=1.5", ">=1.0,<1.3", "!=1.9.1", " >= 1.1"])
def test_constraints_that_can_be_met(tmp_path, version):
    assert load(tmp_path, changed("framework.version", version)).framework.version == version


def test_this_ngc_meets_a_constraint(tmp_path):
    assert load(tmp_path, changed("framework", {"name": "NGC", "version": f">={ngc.__version__}"})).framework.name == "ngc"


def test_pixels_that_a_model_takes_as_they_are(tmp_path, caplog):
    load(tmp_path, changed(PARAMETERS, {"dimensions": [3, 8, 9], "element_type": "uint8"})).preprocessing(False)
    assert caplog.messages == []
    manifest = load(tmp_path, changed(PARAMETERS, {"dimensions": [3, 8, 9], "element_type": "uint8", "scale": 58.4}))
    manifest.preprocessing(False)
    assert caplog.messages == [f"{manifest.source}: inputs of uint8 are pixels as they are: mean and scale are not applied"]


def test_preprocessing(tmp_path):
    expected = Preprocessing(channels=3, height=32, width=48, layout="CHW", color_mode="RGB", mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375),
                             center_crop=0.875, element_type="float32")
    assert load(tmp_path).preprocessing(True) == expected
    data = changed(PARAMETERS, {"layout": "nhwc", "color_mode": "bgr", "dimensions": [3, 8, 9], "mean": 128, "element_type": "UINT8"})
    expected = Preprocessing(channels=3, height=8, width=9, layout="HWC", color_mode="BGR", mean=(128.0,) * 3, scale=(1.0,) * 3, center_crop=None,
                             element_type="uint8")
    assert load(tmp_path, data).preprocessing(False) == expected
    assert load(tmp_path, data).input_shape == (8, 9, 3)


@pytest.mark.parametrize("mode", ["gray", "GREY", "grayscale", None])
def test_grey_images(tmp_path, mode):
    manifest = load(tmp_path, changed(PARAMETERS, {"color_mode": mode, "dimensions": [1, 8, 8]}))
    assert manifest.preprocessing(False).color_mode == "GRAY"


def test_inputs_that_are_no_images_load_but_have_no_preprocessing(tmp_path):
    text = changed("inputs", [{"type": "text", "parameters": {"input_layer": "words", "element_type": "int64", "dimensions": [128], "layout": "NT"}}])
    manifest = load(tmp_path, text)
    assert (manifest.input_layer, manifest.input_shape, manifest.inputs[0].parameters.element_type) == ("words", (128,), "int64")
    with pytest.raises(ManifestError, match=r"m.yml: Sample takes inputs of type 'text'; data sets are of images. `ngc-eval predict raw` needs none$"):
        manifest.preprocessing(True)
    two = load(tmp_path, changed("inputs", SAMPLE["inputs"] * 2))
    with pytest.raises(ManifestError, match=r"m.yml: Sample has 2 inputs; data sets are of one image each$"):
        two.preprocessing(True)


def test_probabilities(tmp_path):
    logits = np.array([[0, 1, 2], [1000, 0, -1000]], np.float32)
    found = load(tmp_path).probabilities([logits.reshape(2, 3, 1, 1)])
    expected = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    np.testing.assert_allclose(found, [expected, [1, 0, 0]], rtol=1e-15, atol=0)  # a few roundings of float64
    second = load(tmp_path, changed("output.parameters", {"probabilities_layer": "1"}))
    np.testing.assert_array_equal(second.probabilities([logits, np.float32([[0.25, 0.75]])]), [[0.25, 0.75]])


def test_outputs_that_are_no_probabilities(tmp_path):
    with pytest.raises(ManifestError, match=r"m.yml: output.type is 'boundingbox'; probabilities of classes have one of classification, feature, label$"):
        load(tmp_path, changed("output.type", "boundingbox")).probabilities([np.zeros((1, 2))])
    third = load(tmp_path, changed("output.parameters.probabilities_layer", 2))
    with pytest.raises(ManifestError, match=r"m.yml: output.parameters.probabilities_layer is 2; the model's outputs are 0 to 1$"):
        third.probabilities([np.zeros((1, 2))] * 2)


def test_manifests_travel_between_processes(tmp_path):
    manifest = load(tmp_path)
    again = pickle.loads(pickle.dumps(manifest))
    assert (again, again.source) == (manifest, manifest.source)
    assert copy.deepcopy(manifest) == manifest


@pytest.mark.parametrize("transform", ["softmax", "none"])
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_answers_that_are_no_numbers_stay_so_and_spoil_no_other(tmp_path, transform, broken):
    manifest = load(tmp_path, changed("output.parameters.probabilities_transform", transform))
    found = manifest.probabilities([np.array([[1.0, 2.0], [broken, 1.0]])])
    assert np.isfinite(found).all(axis=1).tolist() == [True, False]


def test_the_type_of_an_output_is_taken_in_any_case(tmp_path):
    assert load(tmp_path, changed("output.type", "Classification")).classifies
    assert not load(tmp_path, changed("output.type", "boundingbox")).classifies
