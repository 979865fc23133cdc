"""Manifests: YAML files that say what a model is, what it takes and answers, and where its files are."""

from ngc.evaluate.manifest.catalogue import BUILTIN, all_manifests, find_manifest
from ngc.evaluate.manifest.fetch import ModelFiles, fetch_labels, fetch_model
from ngc.evaluate.manifest.manifest import Manifest
from ngc.evaluate.manifest.reading import load_manifest, to_yaml

__all__ = ["BUILTIN", "Manifest", "ModelFiles", "all_manifests", "fetch_labels", "fetch_model", "find_manifest", "load_manifest", "to_yaml"]
