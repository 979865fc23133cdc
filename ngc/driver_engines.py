"""What the driver does for targets that are engines: checks their options, divides by them, has the regions built."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ngc.engines import EngineOptions, EngineTarget
from ngc.errors import ArtifactError, InputError
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


_ONLY = {"tensorrt": ("batch", "timing_cache", "workspace"), "neuron": ("flags", "pipeline_cores", "work_dir")}
"""Options that mean something to one kind of engine."""

_DIVIDING = ("min_subgraph_size", "excl_node_names", "force_incl_node_names")


def check_engine_options(device: EngineTarget | None, engine: EngineOptions | None, accuracy_budget: float | None) -> None:
    """Raises InputError where options do not go with the target."""
    if engine is not None and not isinstance(engine, EngineOptions):
        raise InputError(f"engine takes ngc.EngineOptions, not {type(engine).__name__}")
    if device is None:
        if engine is not None:
            raise InputError("engine= belongs to targets that are engines, such as \"tensorrt-rtx:sm86\"")
        return
    if accuracy_budget is not None:
        raise InputError(f"accuracy_budget is kept by measuring the CPU's int8, which says nothing of {device.title}'s; exclude layers with "
                         "quantization=ngc.QuantizationOptions(exclude=...) instead")
    foreign = [name for kind, names in _ONLY.items() if kind != kind_of(device) for name in names if engine is not None and name in engine.given]
    if foreign:
        raise InputError(f"{device.title} has no use for the options {', '.join(foreign)}")


def check_model(graph: Graph, target: str, device: EngineTarget | None, options: EngineOptions) -> bool:
    """Returns whether a graph comes divided already.

    Raises:
        InputError: it is divided for another target, or options want it divided otherwise; or they name nodes that it does not have.
    """
    kinds = {node.attrs["engine"].partition("-")[0] for node in graph.nodes if node.op == "engine.call"}
    if not kinds:
        if device is not None:
            from ngc.passes.partition import PartitionOptions, check_names  # only engines need networkx

            check_names(graph, PartitionOptions(excl_node_names=options.excl_node_names, force_incl_node_names=options.force_incl_node_names))
        return False
    if kinds != {kind_of(device)}:
        raise InputError(f"the graph is divided for {' and '.join(sorted(kinds))}, which target {target!r} is not; compile the model that it came from")
    if named := [name for name in _DIVIDING if name in options.given]:
        raise InputError(f"the model comes divided, so {', '.join(named)} can change nothing; compile the model that it came from")
    return True


def check_passes(passes: Sequence[Pass], pipeline: str | None, target: str, precision: str) -> None:
    """Raises InputError where a pipeline lacks the passes without which an engine, or its precision, means nothing."""
    from ngc.passes.optimize_regions import OptimizeRegions  # only engines need these

    names = {item.name for item in passes}
    if "partition" not in names:
        raise InputError(f"pipeline {pipeline!r} has no partition, without which target={target!r} means nothing")
    if precision == "fp32":
        return
    said = any(isinstance(item, OptimizeRegions) and item.precision == precision for item in passes)
    if not said or (precision == "int8" and "record-ranges" not in names):
        missing = f"optimize-regions{{precision={precision}}}" if not said else "record-ranges"
        raise InputError(f"pipeline {pipeline!r} has no {missing}, without which precision={precision!r} means nothing")


def for_engine(passes: Sequence[Pass], device: EngineTarget, options: EngineOptions, *, divided: bool = False) -> list[Pass]:
    """Returns passes of which those that divide the graph do so for a device, as given options say; without those where the model came divided."""
    from ngc.passes.partition import Partition  # only engines need networkx

    if divided:
        return [item for item in passes if not isinstance(item, Partition)]
    given = {name: value for name, value in options.given.items() if name in _DIVIDING}
    return [replace(item, engine=device.engine, strict=False, **given) if isinstance(item, Partition) else item for item in passes]


def stored_images(model: Graph | ModelSource, device: EngineTarget) -> "dict[str, EngineImage]":
    """Returns what Neuron's compiler made of a model before it was saved, by the names of its regions; what others made is built again."""
    if isinstance(model, Graph) or device.is_tensorrt:
        return {}
    from ngc.runtime.image_bytes import read_image  # only divided models have images

    images = {}
    for node in engine_nodes(model.symbol):
        name = f"{node.name}{IMAGE_PARAMETER}"
        if name in model.arg_params:
            try:
                images[node.name] = read_image(model.arg_params[name], name)
            except ArtifactError as error:
                _log.warning("%s; %s is built again", error, node.name)
    return images


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
        reasons = Counter(event.reason for event in graph.events if event.pass_name == "partition" and event.rule in ("support", "size", "-"))
        _log.warning("nothing of the model goes to %s; mostly because: %s", device.title, reasons.most_common(1)[0][0] if reasons else "it has no operators")
    images = build_engines(graph, device, options, precision, stored)
    if dump_dir:
        for image in images.values():
            image.write_files(Path(dump_dir) / "engines")
    return images
