"""Tests of the manifests that come with ngc."""

from typing import Any

import numpy as np
import pytest
import requests

import ngc
from examples.digits_data import held_out_digits
from ngc.errors import ManifestError
from ngc.evaluate.manifest import BUILTIN, all_manifests, fetch_model, find_manifest, load_manifest

PATHS = sorted(BUILTIN.glob("*.yml"))
ZOO = {manifest.attributes["gluon_zoo"]: manifest for manifest in map(load_manifest, PATHS) if "gluon_zoo" in manifest.attributes}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_files_have_the_names_of_their_models(path):
    manifest = load_manifest(path)
    assert (manifest.name, manifest.version) == (path.stem, "1.0")
    assert len(manifest.preprocessing(True).mean) == manifest.inputs[0].parameters.dimensions[0]
    assert 50 < manifest.attributes["Top1"] < manifest.attributes.get("Top5", 100)


def test_all_are_found(caplog):
    assert len(all_manifests()) == len(PATHS) == 35
    assert caplog.messages == []


def test_all_networks_of_the_zoo_are_there(mx):
    with pytest.raises(ValueError, match="is not supported") as raised:
        mx.gluon.model_zoo.vision.get_model("none")
    assert sorted(str(raised.value).split("\n\t")[1:]) == sorted(ZOO)


@pytest.mark.parametrize("name", ["squeezenet1.1", *(pytest.param(name, marks=pytest.mark.full) for name in sorted(set(ZOO) - {"squeezenet1.1"}))])
def test_networks_of_the_zoo_as_the_message_says_to_write_them(mx, tmp_path, monkeypatch, name):
    manifest = ZOO[name]
    monkeypatch.setattr("requests.get", no_network)
    with pytest.raises(ManifestError) as raised:
        fetch_model(manifest)
    program = str(raised.value).rpartition('python -c "')[2].removesuffix('"')
    assert "pretrained=True)" in program
    exec(program.replace("pretrained=True)", "pretrained=False); net.initialize()").replace("FOLDER", str(tmp_path)))
    files = fetch_model(manifest, model_dir=tmp_path)
    graph = ngc.import_model(str(files.symbol), str(files.params), shapes={manifest.input_layer: (2, *manifest.input_shape)})
    assert [value.type.shape for value in graph.outputs] == [(2, 1000)]


def no_network(*args: Any, **options: Any) -> Any:
    """Stands in for requests.get."""
    raise requests.ConnectionError("no network")


def test_the_digits_network_reads_digits():
    manifest = find_manifest("digits")
    files = fetch_model(manifest)
    assert files.labels == tuple("0123456789")
    executable = ngc.compile(str(files.symbol), str(files.params), shapes={"data": ("N", *manifest.input_shape)})
    digits = held_out_digits()
    prepare = manifest.preprocessing(False)
    images = np.stack([prepare((image * 16).astype(np.uint8)) for image in digits.images])
    np.testing.assert_array_equal(images, digits.images)
    right = manifest.probabilities(executable.run({"data": images})).argmax(axis=1) == digits.labels
    assert round(100 * right.mean(), 2) == manifest.attributes["Top1"]
