"""Finds manifests by name: in folders that the caller names, in the user's own, and among those that come with ngc, in this order."""

import difflib
import logging
from collections.abc import Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from ngc.errors import ManifestError
from ngc.evaluate.manifest.manifest import Manifest
from ngc.evaluate.manifest.reading import load_manifest

BUILTIN = Path(__file__).parent / "builtin"
"""The folder of the manifests that come with ngc."""

SUFFIXES = (".yml", ".yaml")

_log = logging.getLogger(__name__)


def user_folder() -> Path:
    """Returns the folder of the user's own manifests, which need not exist."""
    import platformdirs

    return Path(platformdirs.user_data_dir("ngc")) / "models"


def all_manifests(folders: "Sequence[Path | str]" = ()) -> list[Manifest]:
    """Returns the manifests that can be found, by name and version; of several with the same ones only the first.

    A file that is wrong is left out, with a warning, so that it does not stand in the way of the others.

    Args:
        folders: are looked into before the user's folder and that of ngc.

    Raises:
        ManifestError: one of `folders` is none, or a folder cannot be listed.
    """
    found: dict[tuple[str, Version], Manifest] = {}
    for path in _files(folders):
        try:
            manifest = load_manifest(path)
        except ManifestError as error:
            _log.warning("left out a manifest: %s", error)
            continue
        first = found.setdefault((manifest.name.casefold(), Version(manifest.version)), manifest)
        if first is not manifest and first.source.parent == manifest.source.parent:
            _log.warning("left out %s: %s has the name %s and version %s too", manifest.source, first.source.name, manifest.name, manifest.version)
    return [manifest for _, manifest in sorted(found.items(), key=lambda item: item[0])]


def find_manifest(name: str, version: str = "", folders: "Sequence[Path | str]" = ()) -> Manifest:
    """Returns the manifest of a model.

    Args:
        name: the model's, in any case; or the path of a manifest.
        version: 1.0 and 1.0.0 are the same; "" is the newest.
        folders: as for `all_manifests`.

    Raises:
        ManifestError: there is no such model, or no such version of it; close names are told.
    """
    if name.endswith(SUFFIXES):
        return _with_version(load_manifest(name), version)
    manifests = all_manifests(folders)
    named = [manifest for manifest in manifests if manifest.name.casefold() == name.casefold()]
    if not named:
        raise ManifestError(f"no model {name!r}{_close(name, manifests)}; `ngc-eval model list` shows all, and the path of a manifest is taken too")
    if not version:
        return named[-1]
    asked = _version(version)
    for manifest in named:
        if Version(manifest.version) == asked:
            return manifest
    there = ", ".join(manifest.version for manifest in named)
    raise ManifestError(f"no version {version} of the model {named[0].name}; there is {there}")


def _with_version(manifest: Manifest, version: str) -> Manifest:
    if version and Version(manifest.version) != _version(version):
        raise ManifestError(f"{manifest.source}: is of version {manifest.version}, not {version}")
    return manifest


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise ManifestError(f"{text!r} is not a version; 1.0 is one") from None


def _files(folders: "Sequence[Path | str]") -> list[Path]:
    named = [Path(folder) for folder in folders]
    for folder in named:
        if not folder.is_dir():
            raise ManifestError(f"{folder}: no such folder of manifests")
    try:
        return [path for folder in (*named, user_folder(), BUILTIN) if folder.is_dir() for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES]
    except OSError as error:
        raise ManifestError(f"{error.filename}: cannot be listed: {error.strerror}") from None


def _close(name: str, manifests: list[Manifest]) -> str:
    names = {manifest.name.casefold(): manifest.name for manifest in manifests}
    close = difflib.get_close_matches(name.casefold(), names, n=5)
    return f"; close to it are {', '.join(names[one] for one in close)}" if close else ""
