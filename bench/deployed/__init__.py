"""Models of the kinds that MXNet users deploy beyond image classification: detection, segmentation, language.

Those that end in a head which some engines do not have are there twice, as a whole and up to that head: `ssd_resnet18`, `ssd_resnet18_trunk`.
"""

from dataclasses import replace
from importlib import import_module
from types import ModuleType

from bench.deployed.model import Built, DeployedModel

MODULES: dict[str, str] = {
    name: f"bench.deployed.{name}" for name in (
        "ssd_resnet18", "yolo3_darknet53", "fcn_resnet50", "deeplab_resnet50", "bert_base", "transformer_encoder", "lstm_lm",
    )
}
"""Models and their modules."""

TRUNK = "_trunk"
"""What the name of a model up to its head ends in."""


def load_model(name: str) -> DeployedModel:
    """Returns a model, or what it is up to its head.

    Raises:
        KeyError: there is none of that name.
    """
    if name in MODULES:
        model: DeployedModel = import_module(MODULES[name]).MODEL
        return model
    whole = load_model(name.removesuffix(TRUNK)) if name.removesuffix(TRUNK) in MODULES else None
    if whole is None or not whole.head_free:
        raise KeyError(f"there is no model {name!r}; there are {', '.join(model_names())}")

    def build(mx: ModuleType, seed: int) -> Built:
        symbol, arguments, auxiliaries = whole.build(mx, seed)
        internals = symbol.get_internals()
        trunk = mx.sym.Group([internals[output] for output in whole.head_free])
        kept, states = set(trunk.list_arguments()), set(trunk.list_auxiliary_states())
        return trunk, {key: arguments[key] for key in arguments if key in kept}, {key: auxiliaries[key] for key in auxiliaries if key in states}

    return replace(whole, name=name, build=build, head_free=())


def model_names() -> list[str]:
    """Returns the names of all models."""
    return [name for whole in MODULES for name in (whole, *((whole + TRUNK,) if load_model(whole).head_free else ()))]
