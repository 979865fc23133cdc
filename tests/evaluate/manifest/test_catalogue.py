"""Tests of how manifests are found by name."""

import logging
from pathlib import Path

import pytest

from ngc.errors import ManifestError
from ngc.evaluate.manifest import BUILTIN, all_manifests, find_manifest
from ngc.evaluate.manifest.catalogue import user_folder
from tests.evaluate.manifest.samples import changed, write


def put(path: Path, name: str, version: str = "1.0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = changed("name", name)
    data["version"] = version
    return write(path, data)


def test_all_are_found_by_name_and_version(tmp_path):
    put(tmp_path / "a.yml", "zebra", "1.10")
    put(tmp_path / "b.yaml", "Zebra", "1.9")
    put(tmp_path / "c.txt", "no manifest")
    names = [(manifest.name, manifest.version) for manifest in all_manifests([tmp_path])]
    assert names[-2:] == [("Zebra", "1.9"), ("zebra", "1.10")]
    assert names[:-2] == [(manifest.name, manifest.version) for manifest in all_manifests()]
    assert ("no manifest", "1.0") not in names


@pytest.mark.parametrize("name", ["ResNet50_v1", "resnet50_v1", "RESNET50_V1"])
@pytest.mark.parametrize("version", ["", "1.0", "1", "1.0.0"])
def test_names_are_found_in_any_case(name, version):
    assert find_manifest(name, version).source == BUILTIN / "ResNet50_v1.yml"


def test_the_newest_version_is_the_default(tmp_path):
    for version in ("1.9", "1.10", "1.2"):
        put(tmp_path / f"{version}.yml", "Net", version)
    assert find_manifest("net", folders=[tmp_path]).version == "1.10"
    assert find_manifest("net", "1.2", [tmp_path]).version == "1.2"
    with pytest.raises(ManifestError, match=r"^no version 2.0 of the model Net; there is 1.2, 1.9, 1.10$"):
        find_manifest("net", "2.0", [tmp_path])
    with pytest.raises(ManifestError, match=r"^'newest' is not a version; 1.0 is one$"):
        find_manifest("net", "newest", [tmp_path])


def test_paths_are_taken_too(tmp_path):
    path = put(tmp_path / "a.yml", "Net")
    assert find_manifest(str(path)).name == find_manifest(str(path), "1.0.0").name == "Net"
    with pytest.raises(ManifestError, match=r"a.yml: is of version 1.0, not 2.0$"):
        find_manifest(str(path), "2.0")
    with pytest.raises(ManifestError, match=r"none.yml: no such file$"):
        find_manifest(str(tmp_path / "none.yml"))


def test_close_names_are_told():
    with pytest.raises(ManifestError) as raised:
        find_manifest("vgg16bn")
    assert str(raised.value) == ("no model 'vgg16bn'; close to it are VGG16_bn, VGG16, VGG19_bn, VGG13_bn, VGG11_bn; `ngc-eval model list` shows all, "
                                 "and the path of a manifest is taken too")
    with pytest.raises(ManifestError, match=r"^no model 'xyzzy'; `ngc-eval model list` shows all"):
        find_manifest("xyzzy")


def test_the_users_own_come_first(tmp_path):
    assert user_folder() == tmp_path / "data" / "ngc" / "models"
    own = put(user_folder() / "mine.yml", "ResNet50_v1")
    assert find_manifest("resnet50_v1").source == own
    named = put(tmp_path / "more" / "mine.yml", "ResNet50_v1")
    assert find_manifest("resnet50_v1", folders=[tmp_path / "more"]).source == named
    with pytest.raises(ManifestError, match=r"none: no such folder of manifests$"):
        all_manifests([tmp_path / "none"])


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    def denied(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(ManifestError, match=rf"^{tmp_path}: cannot be listed: Permission denied$"):
        all_manifests([tmp_path])


def test_wrong_files_do_not_stand_in_the_way(tmp_path, caplog):
    put(tmp_path / "a.yml", "Net")
    (tmp_path / "b.yml").write_text("name: x\n\tversion: 1\n")
    with caplog.at_level(logging.WARNING):
        assert find_manifest("net", folders=[tmp_path]).name == "Net"
    assert caplog.messages == [f"left out a manifest: {tmp_path}/b.yml:2:1: a tab; YAML is indented by spaces"]


def test_two_of_the_same_name_in_a_folder_are_a_warning(tmp_path, caplog):
    put(tmp_path / "a.yml", "Net")
    put(tmp_path / "b.yml", "net", "1.0.0")
    with caplog.at_level(logging.WARNING):
        assert find_manifest("net", folders=[tmp_path]).source.name == "a.yml"
    assert caplog.messages == [f"left out {tmp_path}/b.yml: a.yml has the name net and version 1.0.0 too"]
