"""Data sets by category and name."""

from pathlib import Path

import platformdirs
import pytest

from ngc.errors import DatasetError
from ngc.evaluate.inputs import Location, open_dataset, resolve_dataset


def test_a_path_is_itself(tmp_path: Path) -> None:
    assert resolve_dataset("vision", str(tmp_path), tmp_path / "data") == Location(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".rec", ".npz", ".lst"])
def test_a_name_is_looked_up_in_the_folder_of_its_category(tmp_path: Path, suffix: str) -> None:
    place = tmp_path / "vision" / f"pets{suffix}"
    place.mkdir(parents=True)
    assert resolve_dataset("vision", "pets", tmp_path) == Location(place)


@pytest.mark.parametrize(("size", "center_crop", "found", "resized"), [
    (224, True, "pets_224_center_crop_875", True), (224, False, "pets_224.rec", True), (227, True, "pets", False), (299, True, "pets", False),
    (0, False, "pets", False),
])
def test_resized_images_are_preferred(tmp_path: Path, size: int, center_crop: bool, found: str, resized: bool) -> None:
    for name in ("pets", "pets_224.rec", "pets_224_center_crop_875", "pets_299"):
        (tmp_path / "vision" / name).mkdir(parents=True)
    assert resolve_dataset("vision", "pets", tmp_path, size=size, center_crop=center_crop) == Location(tmp_path / "vision" / found, resized)


def test_names_may_have_dots(tmp_path: Path) -> None:
    place = tmp_path / "vision" / "pets_v2.0_224_center_crop_875"
    place.mkdir(parents=True)
    assert resolve_dataset("vision", "pets_v2.0", tmp_path, size=224, center_crop=True) == Location(place, resized=True)


def test_the_users_own_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name: str(tmp_path / name))
    (tmp_path / "ngc/datasets/vision/pets").mkdir(parents=True)
    assert resolve_dataset("vision", "pets").path == tmp_path / "ngc/datasets/vision/pets"


def test_shipped_data_sets_have_names(tmp_path: Path) -> None:
    assert len(open_dataset(resolve_dataset("vision", "digits", tmp_path).path)) == 450


@pytest.mark.parametrize("name", ["cats", ""])
def test_the_message_lists_where_it_was_looked_for(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError) as caught:
        resolve_dataset("vision", name, tmp_path / "data", size=224, center_crop=True)
    assert str(caught.value).splitlines() == [
        f"no data set {name!r} of category 'vision'; looked for a folder, or a .rec, .npz, .lst, .txt, .tsv file, at",
        f"  {tmp_path / name}",
        f"  {tmp_path}/data/vision/{name}_224_center_crop_875",
        f"  {tmp_path / 'data/vision' / name}",
        "shipped are digits (vision)",
    ]
