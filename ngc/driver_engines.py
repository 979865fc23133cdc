"""What the driver does for targets that are engines: checks their options, divides by them, has the regions built."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ngc.engines import EngineOptions, EngineTarget
from ngc.errors import InputError
from ngc.importer.sources import ModelSource
from ngc.importer.subgraphs import IMAGE_PARAMETER, engine_nodes
from ngc.ir import Graph
from ngc.passes import Pass

if TYPE_CHECKING:
    from ngc.codegen.engine_image import EngineImage

_log = logging.getLogger("ngc")


def kind_of(device: EngineTarget | None) -> str:
    """Returns the kind of a target, by which precisions and pipelines are named; None stands for a processor."""
    if device is None:
        return "cpu"
    return "tensorrt" if device.is_tensorrt else "neuron"


def check_engine_options(device: EngineTarget | None, engine: EngineOptions | None, accuracy_budget: float | None) -> None:
    """Raises InputError where options do not go with the target."""
    if engine is not None and not isinstance(engine, EngineOptions):
        raise InputError(f"engine takes ngc.EngineOptions, not {type(engine).__name__}")
    if device is None and engine is not None:
        raise InputError("engine= belongs to targets that are engines, such as \"tensorrt-rtx:sm86\"")
    if device is not None and accuracy_budget is not None:
        raise InputError(f"accuracy_budget is kept by measuring the CPU's int8, which says nothing of {device.title}'s; exclude layers with "
                         "quantization=ngc.QuantizationOptions(exclude=...) instead")


def for_engine(passes: Sequence[Pass], device: EngineTarget, options: EngineOptions, *, divided: bool = False) -> list[Pass]:
    """Returns passes of which those that divide the graph do so for a device, as options say; without those where the model came divided."""
    from ngc.passes.partition import Partition  # only engines need networkx

    if divided:
        return [item for item in passes if not isinstance(item, Partition)]
    return [replace(item, engine=device.engine, min_subgraph_size=options.min_subgraph_size, excl_node_names=options.excl_node_names,
                    force_incl_node_names=options.force_incl_node_names) if isinstance(item, Partition) else item for item in passes]


def stored_images(model: Graph | ModelSource) -> "dict[str, EngineImage]":
    """Returns what engines compiled of a model before it was saved, by the names of its regions."""
    if isinstance(model, Graph):
        return {}
    from ngc.runtime.image_bytes import read_image  # only divided models have images

    names = {node.name: f"{node.name}{IMAGE_PARAMETER}" for node in engine_nodes(model.symbol)}
    return {node: read_image(model.arg_params[name], name) for node, name in names.items() if name in model.arg_params}


def build_images(graph: Graph, device: EngineTarget, options: EngineOptions, precision: str, dump_dir: str | os.PathLike[str] | None,
                 stored: "Mapping[str, EngineImage]") -> "dict[str, EngineImage]":
    """Returns what the device executes of a divided graph, by the names of the calls; says so where that is nothing.

    Args:
        graph: divided, its regions in their final form.
        device: what executes them.
        options: how that is built.
        precision: of the regions.
        dump_dir: where the images' files are written too.
        stored: what was built of the same regions before.

    Raises:
        EngineError: the device's compiler is missing, or refuses a region.
        CodegenError: operators that were forced to the engine have no form for it.
    """
    from ngc.codegen.engines import build_engines  # only engines need what these build on

    if not any(node.op == "engine.call" for node in graph.nodes):
        reasons = Counter(event.reason for event in graph.events if (event.pass_name, event.rule) == ("partition", "support"))
        _log.warning("nothing of the model goes to %s; mostly because: %s", device.title, reasons.most_common(1)[0][0] if reasons else "it has no operators")
    images = build_engines(graph, device, options, precision, stored)
    if dump_dir:
        for image in images.values():
            image.write_files(Path(dump_dir) / "engines")
    return images
