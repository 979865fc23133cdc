"""All models that are measured by name: the networks of the Gluon zoo, and models of other kinds that MXNet users deploy."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import zoo_models
from bench.deployed import load_model, model_names
from bench.deployed.export import export_model, reference_outputs


def names() -> list[str]:
    """Returns the names of all models."""
    return [*zoo_models.NETWORKS, *model_names()]


def in_zoo(name: str) -> bool:
    """Returns whether a model is a network of the zoo: one image of floats in, logits out."""
    return name in zoo_models.NETWORKS


def export(name: str, folder: Path) -> str:
    """Returns the checkpoint prefix of a model, exported unless it is there already."""
    return zoo_models.export_zoo(name, folder) if in_zoo(name) else export_model(name, folder)


def feeds(name: str, batch: int) -> dict[str, NDArray]:
    """Returns the inputs on which engines are compared."""
    return {"data": zoo_models.sample_input(name, batch)} if in_zoo(name) else load_model(name).inputs(batch)


def reference(name: str, prefix: str, batch: int) -> list[NDArray]:
    """Returns MXNet's outputs on these inputs."""
    return [zoo_models.reference(name, prefix, batch)] if in_zoo(name) else reference_outputs(name, prefix, batch)


def unusual_dtypes(arrays: dict[str, NDArray]) -> dict[str, str]:
    """Returns numpy's names of the element types of those arrays that do not hold float32."""
    return {name: str(array.dtype) for name, array in arrays.items() if array.dtype != np.float32}
