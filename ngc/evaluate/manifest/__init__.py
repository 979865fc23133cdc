"""Manifests: YAML files that say what a model is, what it takes and answers, and where its files are."""

from ngc.evaluate.manifest.catalogue import all_manifests, find_manifest
from ngc.evaluate.manifest.fetch import ModelFiles, fetch_model
from ngc.evaluate.manifest.manifest import Manifest, load_manifest

__all__ = ["Manifest", "ModelFiles", "all_manifests", "fetch_model", "find_manifest", "load_manifest"]
